#include "certd/issuer/local_signing.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/x509v3.h>

#include "absl/strings/str_replace.h"
#include "certd/issuer/testing/fake_signing_keys.h"
#include "common/openssl/certificate.h"

namespace aziot::certd {
namespace {

using openssl::X509Ptr;

const absl::Time kNow = absl::FromUnixSeconds(1750000000);

std::vector<X509Ptr> Parse(const std::string& pem) {
  auto certificates = openssl::ParseCertificates(pem);
  EXPECT_TRUE(certificates.ok()) << certificates.status();
  return *std::move(certificates);
}

std::string ExtensionNames(const X509& certificate) {
  std::string names;
  for (int i = 0; i < X509_get_ext_count(&certificate); ++i) {
    const int nid = OBJ_obj2nid(X509_EXTENSION_get_object(X509_get_ext(&certificate, i)));
    names += std::string(names.empty() ? "" : " ") + OBJ_nid2sn(nid);
  }
  return names;
}

class LocalSigningTest : public ::testing::Test {
 protected:
  openssl::X509ReqPtr Request(EVP_PKEY& key, const std::string& cn,
                              std::vector<std::pair<std::string, std::string>> extensions = {}) {
    auto name = openssl::BuildName({{"CN", cn}});
    auto request = openssl::BuildRequest(**name, key, {.extensions = std::move(extensions)});
    EXPECT_TRUE(request.ok()) << request.status();
    return *std::move(request);
  }
  std::string SelfSign(const std::string& id, int64_t days = 365,
                       std::vector<std::pair<std::string, std::string>> extensions = {}, bool rsa = false) {
    EVP_PKEY& key = keys_.Make(id, rsa);
    const auto request = Request(key, id, std::move(extensions));
    const IssuanceEntry entry{.method = "self_signed", .expiry_days = days};
    auto pem = SignLocally({.id = *CertId::Parse(id), .csr = *request, .entry = entry},
                           {.chain_pem = "", .key = key, .context = nullptr}, kNow);
    EXPECT_TRUE(pem.ok()) << pem.status();
    return *pem;
  }
  absl::StatusOr<std::string> SignWith(const std::string& issuer, const std::string& chain, X509_REQ& csr,
                                       IssuanceEntry entry = {.method = "local_ca"}) {
    const openssl::PkeyPtr key = *keys_.ById(*KeyId::Parse(issuer));
    return SignLocally({.id = *CertId::Parse("leaf"), .csr = csr, .entry = entry},
                       {.chain_pem = chain, .key = *key, .context = nullptr}, kNow);
  }
  testing::FakeSigningKeys keys_;
};

TEST_F(LocalSigningTest, SelfSignedVerifiesWithItsOwnKey) {
  const auto certificates = Parse(SelfSign("device-id"));
  ASSERT_EQ(certificates.size(), 1u);
  const X509Ptr& leaf = certificates[0];
  EXPECT_EQ(X509_get_version(leaf.get()), X509_VERSION_3);
  EXPECT_EQ(X509_verify(leaf.get(), X509_get0_pubkey(leaf.get())), 1);
  EXPECT_EQ(X509_NAME_cmp(X509_get_subject_name(leaf.get()), X509_get_issuer_name(leaf.get())), 0);
  EXPECT_EQ(openssl::NotBefore(*leaf), kNow);
  EXPECT_EQ(openssl::NotAfter(*leaf), kNow + absl::Hours(24 * 365));
  EXPECT_EQ(ExtensionNames(*leaf), "subjectKeyIdentifier");
}

TEST_F(LocalSigningTest, SelfSignedRefusesARequestForAnotherKey) {
  EVP_PKEY& signer = keys_.Make("device-id");
  const auto request = Request(keys_.Make("other"), "x");
  const IssuanceEntry entry{.method = "self_signed"};
  const auto pem = SignLocally({.id = *CertId::Parse("device-id"), .csr = *request, .entry = entry},
                               {.chain_pem = "", .key = signer, .context = nullptr}, kNow);
  EXPECT_TRUE(absl::IsFailedPrecondition(pem.status())) << pem.status();
}

TEST_F(LocalSigningTest, ExtensionsAreCopiedInOrderAndIdentifiersAppended) {
  const std::string ca = SelfSign("ca", 365, {{"basicConstraints", "critical,CA:TRUE"}});
  const auto request = Request(keys_.Make("leaf"), "leaf",
                               {{"subjectAltName", "DNS:leaf.example"},
                                {"extendedKeyUsage", "serverAuth,clientAuth"},
                                {"basicConstraints", "critical,CA:TRUE"}});
  const auto pem = SignWith("ca", ca, *request);
  ASSERT_TRUE(pem.ok()) << pem.status();
  const auto chain = Parse(*pem);
  ASSERT_EQ(chain.size(), 2u);
  EXPECT_EQ(ExtensionNames(*chain[0]),
            "subjectAltName extendedKeyUsage basicConstraints subjectKeyIdentifier authorityKeyIdentifier");
  EXPECT_EQ(X509_verify(chain[0].get(), X509_get0_pubkey(chain[1].get())), 1);
  EXPECT_EQ(X509_check_issued(chain[1].get(), chain[0].get()), X509_V_OK);
}

TEST_F(LocalSigningTest, EcRequestUnderAnRsaIssuerAndTheReverse) {
  const std::string rsa_ca = SelfSign("rsa-ca", 365, {}, true);
  EXPECT_TRUE(SignWith("rsa-ca", rsa_ca, *Request(keys_.Make("ec"), "ec")).ok());
  const std::string ec_ca = SelfSign("ec-ca");
  EXPECT_TRUE(SignWith("ec-ca", ec_ca, *Request(keys_.Make("rsa", true), "rsa")).ok());
}

TEST_F(LocalSigningTest, WholeIssuerChainFollowsTheLeaf) {
  const std::string root = SelfSign("root");
  const auto middle = SignWith("root", root, *Request(keys_.Make("middle"), "middle"));
  ASSERT_TRUE(middle.ok());
  const auto lower = SignWith("middle", "text around\n" + *middle, *Request(keys_.Make("lower"), "lower"));
  ASSERT_TRUE(lower.ok()) << lower.status();
  const auto leaf = SignWith("lower", *lower, *Request(keys_.Make("leaf"), "leaf"));
  ASSERT_TRUE(leaf.ok()) << leaf.status();
  EXPECT_EQ(Parse(*leaf).size(), 4u);
  EXPECT_EQ(leaf->find("text around"), std::string::npos);
}

TEST_F(LocalSigningTest, ValidityEndsWithTheIssuersAtTheLatest) {
  const std::string ca = SelfSign("ca", 10);
  const auto pem =
      SignWith("ca", ca, *Request(keys_.Make("leaf"), "leaf"), {.method = "local_ca", .expiry_days = 30});
  ASSERT_TRUE(pem.ok());
  EXPECT_EQ(openssl::NotAfter(*Parse(*pem)[0]), kNow + absl::Hours(24 * 10));
}

TEST_F(LocalSigningTest, SerialNumbersAreRandomPositiveAndLong) {
  const auto a = Parse(SelfSign("a"));
  const auto b = Parse(SelfSign("a"));
  const ASN1_INTEGER* first = X509_get0_serialNumber(a[0].get());
  EXPECT_NE(ASN1_INTEGER_cmp(first, X509_get0_serialNumber(b[0].get())), 0);
  EXPECT_EQ(first->type, V_ASN1_INTEGER);  // a negative one has its own type
  EXPECT_EQ(first->length, 20);
}

TEST_F(LocalSigningTest, SubjectOverrideReplacesTheRequestedName) {
  const std::string ca = SelfSign("ca");
  const auto request = Request(keys_.Make("leaf"), "asked");
  const auto named = SignWith(
      "ca", ca, *request,
      {.method = "local_ca", .subject = {{{"C", "AQ"}, {"CN", std::string(70, 'x')}, {"L", "Pole"}}}});
  ASSERT_TRUE(named.ok()) << named.status();
  const auto certificates = Parse(*named);
  EXPECT_EQ(openssl::CommonName(*X509_get_subject_name(certificates[0].get())), std::string(64, 'x'));
  const auto unknown =
      SignWith("ca", ca, *request, {.method = "local_ca", .subject = {{{"Planet", "Earth"}}}});
  EXPECT_TRUE(absl::IsInternal(unknown.status())) << unknown.status();
}

TEST_F(LocalSigningTest, ARequestWithACompressedPointIsForTheSameKey) {
  EVP_PKEY& key = keys_.Make("device-id");
  const openssl::PkeyPtr same(EVP_PKEY_dup(&key));
  ASSERT_EQ(EVP_PKEY_set_utf8_string_param(same.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                           OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_COMPRESSED),
            1);
  const auto request = Request(*same, "device");
  const IssuanceEntry entry{.method = "self_signed"};
  const auto pem = SignLocally({.id = *CertId::Parse("device-id"), .csr = *request, .entry = entry},
                               {.chain_pem = "", .key = key, .context = nullptr}, kNow);
  EXPECT_TRUE(pem.ok()) << pem.status();
}

// A relative name of two attributes, text around the armour, lines that end in CRLF.
TEST_F(LocalSigningTest, NamesAreCopiedAsTheyAreAndPemMayComeFromAnotherSystem) {
  openssl::X509NamePtr name(X509_NAME_new());
  const auto add = [&](const char* type, const char* value, int set) {
    return X509_NAME_add_entry_by_txt(name.get(), type, MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(value), -1, -1, set) == 1;
  };
  ASSERT_TRUE(add("O", "Contoso", 0) && add("CN", "device", 0) && add("serialNumber", "7", -1));
  const auto built = openssl::BuildRequest(*name, keys_.Make("leaf"), {});
  ASSERT_TRUE(built.ok()) << built.status();
  const auto from_elsewhere = [](absl::string_view pem) {
    return "text\r\n" + absl::StrReplaceAll(pem, {{"\n", "\r\n"}}) + "text\r\n";
  };
  const auto request = openssl::ParseRequest(from_elsewhere(openssl::FormatRequest(**built)));
  ASSERT_TRUE(request.ok()) << request.status();
  const std::string ca = SelfSign("ca");
  const auto pem = SignWith("ca", from_elsewhere(ca), **request);
  ASSERT_TRUE(pem.ok()) << pem.status();
  const auto chain = Parse(*pem);
  ASSERT_EQ(chain.size(), 2u);
  const X509_NAME* subject = X509_get_subject_name(chain[0].get());
  EXPECT_EQ(X509_NAME_cmp(subject, name.get()), 0);
  EXPECT_EQ(X509_NAME_ENTRY_set(X509_NAME_get_entry(subject, 1)),
            X509_NAME_ENTRY_set(X509_NAME_get_entry(subject, 2)));
  EXPECT_EQ(openssl::FormatCertificate(*chain[1]), ca);
}

TEST_F(LocalSigningTest, RefusesAnIssuerThatCannotSign) {
  const std::string ca = SelfSign("ca", 1);
  const auto request = Request(keys_.Make("leaf"), "leaf");
  const openssl::PkeyPtr key = *keys_.ById(*KeyId::Parse("ca"));
  const IssuanceEntry entry{.method = "local_ca"};
  const IssueRequest issue{.id = *CertId::Parse("leaf"), .csr = *request, .entry = entry};
  const auto expired =
      SignLocally(issue, {.chain_pem = ca, .key = *key, .context = nullptr}, kNow + absl::Hours(25));
  EXPECT_TRUE(absl::IsFailedPrecondition(expired.status())) << expired.status();
  const auto no_certificate =
      SignLocally(issue, {.chain_pem = "no certificate here", .key = *key, .context = nullptr}, kNow);
  EXPECT_TRUE(absl::IsInternal(no_certificate.status())) << no_certificate.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(SignWith("leaf", ca, *request).status()));
}

}  // namespace
}  // namespace aziot::certd
