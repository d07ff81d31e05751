#include "common/openssl/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/testing/status_matchers.h"
#include "common/testing/test_ca.h"

namespace aziot::openssl {
namespace {

using ::aziot::testing::FormatPrivateKey;
using ::aziot::testing::IsOk;
using ::aziot::testing::IsOkAndHolds;
using ::aziot::testing::NewEcKey;
using ::aziot::testing::StatusIs;
using ::aziot::testing::TestCa;
using ::aziot::testing::Validity;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

class CertificateTest : public ::testing::Test {
 protected:
  ~CertificateTest() override { EXPECT_EQ(ERR_peek_error(), 0u) << "an error was left in the queue"; }
  const TestCa ca_{"Root"};
};

TEST_F(CertificateTest, ReadsAChainInItsOrderAndIgnoresWhatIsAround) {
  const TestCa intermediate = ca_.IssueCa("Intermediate");
  const testing::Issued issued = intermediate.IssueServer("leaf");
  const auto chain =
      ParseCertificates(absl::StrCat("text before\n", issued.private_key, issued.certificate, "after\n"));
  ASSERT_THAT(chain, IsOkAndHolds(SizeIs(2)));
  EXPECT_EQ(CommonName(*X509_get_subject_name(chain->at(0).get())), "leaf");
  EXPECT_EQ(CommonName(*X509_get_subject_name(chain->at(1).get())), "Intermediate");
  EXPECT_EQ(absl::StrCat(FormatCertificate(*chain->at(0)), FormatCertificate(*chain->at(1))),
            issued.certificate);
}

TEST_F(CertificateTest, NothingThereIsAnEmptyChain) {
  for (const absl::string_view text : {"", "\n", "no armour", "-----BEGIN"}) {
    EXPECT_THAT(ParseCertificates(text), IsOkAndHolds(IsEmpty())) << text;
  }
  EXPECT_THAT(ParseCertificates(FormatPrivateKey(*NewEcKey())), IsOkAndHolds(IsEmpty()));
}

TEST_F(CertificateTest, ADamagedOneAnywhereIsRefused) {
  const std::string& whole = ca_.certificate();
  const std::string cut = whole.substr(0, whole.size() / 2);
  EXPECT_THAT(ParseCertificates(cut), StatusIs(kInvalid, HasSubstr("certificate")));
  EXPECT_THAT(ParseCertificates(absl::StrCat(whole, cut)), StatusIs(kInvalid));
  EXPECT_THAT(ParseCertificates("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
              StatusIs(kInvalid));
  const std::string encrypted =
      "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: "
      "AES-128-CBC,00000000000000000000000000000000\n\n"
      "AAAAAAAAAAAAAAAAAAAAAA==\n-----END CERTIFICATE-----\n";
  EXPECT_THAT(ParseCertificates(encrypted), StatusIs(kInvalid));
}

TEST_F(CertificateTest, DerThereAndBack) {
  const auto chain = ParseCertificates(ca_.certificate());
  ASSERT_THAT(chain, IsOkAndHolds(SizeIs(1)));
  Bytes der = ToDer(*chain->at(0));
  const auto again = ParseCertificateDer(der);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(FormatCertificate(**again), ca_.certificate());
  der.push_back(0);
  EXPECT_THAT(ParseCertificateDer(der), StatusIs(kInvalid, HasSubstr("after its end")));
  der.resize(der.size() / 2);
  EXPECT_THAT(ParseCertificateDer(der), StatusIs(kInvalid));
  EXPECT_THAT(ParseCertificateDer({}), StatusIs(kInvalid));
}

TEST_F(CertificateTest, TellsItsTimes) {
  const Validity validity{absl::FromUnixSeconds(1600000000),
                          absl::FromUnixSeconds(4102444800)};  // to 2100-01-01
  const auto chain = ParseCertificates(ca_.IssueClient("device", validity).certificate);
  ASSERT_THAT(chain, IsOkAndHolds(SizeIs(1)));
  EXPECT_EQ(NotBefore(*chain->at(0)), validity.from);
  EXPECT_EQ(NotAfter(*chain->at(0)), validity.until);
  const X509Ptr blank(X509_new());
  EXPECT_EQ(NotAfter(*blank), absl::InfinitePast());
  ERR_clear_error();
}

TEST_F(CertificateTest, ReadsPrivateKeysOfEveryPlainForm) {
  const PkeyPtr ec = NewEcKey();
  const PkeyPtr rsa(EVP_RSA_gen(2048));
  for (EVP_PKEY* key : {ec.get(), rsa.get()}) {
    const BioPtr traditional(BIO_new(BIO_s_mem()));
    ASSERT_EQ(
        PEM_write_bio_PrivateKey_traditional(traditional.get(), key, nullptr, nullptr, 0, nullptr, nullptr),
        1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(traditional.get(), &data);
    for (const std::string& pem : {FormatPrivateKey(*key), std::string(data, static_cast<size_t>(size))}) {
      const absl::StatusOr<PkeyPtr> again = ParsePrivateKey(pem);
      ASSERT_THAT(again, IsOk()) << pem.substr(0, 30);
      EXPECT_EQ(EVP_PKEY_eq(again->get(), key), 1);
    }
  }
}

// As `openssl ecparam -genkey` writes them.
TEST_F(CertificateTest, ReadsAnEcKeyBehindItsParameters) {
  const PkeyPtr key = NewEcKey();
  const absl::string_view parameters =
      "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
  const absl::StatusOr<PkeyPtr> again = ParsePrivateKey(absl::StrCat(parameters, FormatPrivateKey(*key)));
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(EVP_PKEY_eq(again->get(), key.get()), 1);
}

TEST_F(CertificateTest, RefusesWhatIsNoPlainPrivateKey) {
  const PkeyPtr key = NewEcKey();
  const BioPtr encrypted(BIO_new(BIO_s_mem()));
  ASSERT_EQ(PEM_write_bio_PKCS8PrivateKey(encrypted.get(), key.get(), EVP_aes_128_cbc(), "pass", 4, nullptr,
                                          nullptr),
            1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(encrypted.get(), &data);
  EXPECT_THAT(ParsePrivateKey(absl::string_view(data, static_cast<size_t>(size))), StatusIs(kInvalid));
  EXPECT_THAT(ParsePrivateKey(""), StatusIs(kInvalid));
  EXPECT_THAT(ParsePrivateKey(FormatPublicKey(*key)), StatusIs(kInvalid));
  EXPECT_THAT(ParsePrivateKey(ca_.certificate()), StatusIs(kInvalid));
}

TEST_F(CertificateTest, WritesThePublicKey) {
  EXPECT_THAT(FormatPublicKey(*NewEcKey()), StartsWith("-----BEGIN PUBLIC KEY-----\n"));
}

class NameTest : public CertificateTest {};

TEST_F(NameTest, KeepsTheOrderAndTakesNamesInAnyCase) {
  const auto name =
      BuildName({{"C", "DE"}, {"cn", "device"}, {"organizationName", "x"}, {"2.5.4.11", "unit"}});
  ASSERT_THAT(name, IsOk());
  EXPECT_EQ(FormatName(**name), "C=DE, CN=device, O=x, OU=unit");
  EXPECT_EQ(CommonName(**name), "device");
}

TEST_F(NameTest, EncodesByTheTypeOfTheAttribute) {
  const auto name = BuildName({{"C", "DE"}, {"O", "x"}, {"DC", "example"}});
  ASSERT_THAT(name, IsOk());
  const auto type_of = [&](int index) {
    return ASN1_STRING_type(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name->get(), index)));
  };
  EXPECT_EQ(type_of(0), V_ASN1_PRINTABLESTRING);
  EXPECT_EQ(type_of(1), V_ASN1_UTF8STRING);
  EXPECT_EQ(type_of(2), V_ASN1_IA5STRING);
}

TEST_F(NameTest, CutsTheCommonNameAt64Characters) {
  std::string umlauts;
  for (int i = 0; i < 70; ++i) umlauts += "\xc3\xa4";
  const auto name = BuildName({{"cn", umlauts}});
  ASSERT_THAT(name, IsOk());
  EXPECT_EQ(CommonName(**name), umlauts.substr(0, 128));
  const auto exact = BuildName({{"CN", std::string(64, 'a')}});
  ASSERT_THAT(exact, IsOk());
  EXPECT_EQ(CommonName(**exact), std::string(64, 'a'));
}

TEST_F(NameTest, NamesTheAttributeThatIsWrong) {
  EXPECT_THAT(BuildName({{"CN", "a"}, {"frobnicate", "x"}}),
              StatusIs(kInvalid, HasSubstr("'frobnicate' is unknown")));
  for (const char* unknown : {"", "UNDEF", "1.2.x", "9.9.9"}) {
    EXPECT_THAT(BuildName({{unknown, "x"}}), StatusIs(kInvalid, HasSubstr("is unknown"))) << unknown;
  }
  EXPECT_THAT(BuildName({{std::string("CN\0x", 4), "x"}}), StatusIs(kInvalid, HasSubstr("is unknown")));
  EXPECT_THAT(BuildName({{"C", "Germany"}}), StatusIs(kInvalid, HasSubstr("'C'")));
  EXPECT_THAT(BuildName({{"O", ""}}), StatusIs(kInvalid, HasSubstr("'O'")));
  EXPECT_THAT(BuildName({{"O", std::string(65, 'x')}}), StatusIs(kInvalid, HasSubstr("'O'")));
  EXPECT_THAT(BuildName({{"CN", "\xff"}}), StatusIs(kInvalid, HasSubstr("'CN'")));
}

TEST_F(NameTest, TheLastCommonNameCounts) {
  const auto name = BuildName({{"CN", "first"}, {"O", "x"}, {"CN", "last"}});
  ASSERT_THAT(name, IsOk());
  EXPECT_EQ(CommonName(**name), "last");
  EXPECT_EQ(CommonName(**BuildName({{"O", "x"}})), "");
  EXPECT_EQ(FormatName(**BuildName({})), "");
}

TEST_F(NameTest, ALineOfALogStaysOneLine) {
  EXPECT_EQ(FormatName(**BuildName({{"CN", "a\nb, O=\xc3\xa4"}})), "CN=a\\0Ab\\, O=\xc3\xa4");
}

class RequestTest : public CertificateTest {};

TEST_F(RequestTest, BuildsOneThatReadsBack) {
  const PkeyPtr key = NewEcKey();
  const auto subject = BuildName({{"CN", "device"}});
  ASSERT_THAT(subject, IsOk());
  const auto request = BuildRequest(**subject, *key,
                                    {.extensions = {{"basicConstraints", "critical,CA:FALSE"},
                                                    {"extendedKeyUsage", "clientAuth"},
                                                    {"subjectAltName", "DNS:device"}}});
  ASSERT_THAT(request, IsOk());
  const auto again = ParseRequest(FormatRequest(**request));
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(X509_REQ_get_version(again->get()), 0);
  EXPECT_EQ(CommonName(*X509_REQ_get_subject_name(again->get())), "device");
  EXPECT_EQ(EVP_PKEY_eq(X509_REQ_get0_pubkey(again->get()), key.get()), 1);
  EXPECT_EQ(X509_REQ_get_signature_nid(again->get()), NID_ecdsa_with_SHA256);
  const X509ExtensionsPtr extensions(X509_REQ_get_extensions(again->get()));
  ASSERT_EQ(sk_X509_EXTENSION_num(extensions.get()), 3);
  const X509_EXTENSION* first = sk_X509_EXTENSION_value(extensions.get(), 0);
  EXPECT_EQ(OBJ_obj2nid(X509_EXTENSION_get_object(const_cast<X509_EXTENSION*>(first))),
            NID_basic_constraints);
  EXPECT_EQ(X509_EXTENSION_get_critical(first), 1);
}

TEST_F(RequestTest, WithoutExtensionsHasNoAttribute) {
  const PkeyPtr rsa(EVP_RSA_gen(2048));
  const auto request = BuildRequest(**BuildName({{"CN", "x"}}), *rsa, {});
  ASSERT_THAT(request, IsOk());
  EXPECT_EQ(X509_REQ_get_attr_count(request->get()), 0);
  EXPECT_THAT(ParseRequest(FormatRequest(**request)), IsOk());
}

TEST_F(RequestTest, WorksInALibraryContextOfItsOwn) {
  const LibCtxPtr libctx(OSSL_LIB_CTX_new());
  const PkeyPtr key(EVP_PKEY_Q_keygen(libctx.get(), nullptr, "EC", "P-256"));
  ASSERT_NE(key, nullptr);
  const auto request = BuildRequest(**BuildName({{"CN", "x"}}), *key, {}, libctx.get());
  ASSERT_THAT(request, IsOk());
  EXPECT_THAT(ParseRequest(FormatRequest(**request)), IsOk());
}

TEST_F(RequestTest, NamesAnExtensionThatIsWrong) {
  const PkeyPtr key = NewEcKey();
  const auto subject = BuildName({{"CN", "device"}});
  EXPECT_THAT(BuildRequest(**subject, *key, {.extensions = {{"keyUsage", "nonsense"}}}),
              StatusIs(kInvalid, HasSubstr("keyUsage")));
  EXPECT_THAT(BuildRequest(**subject, *key, {.extensions = {{"nonsense", "x"}}}),
              StatusIs(kInvalid, HasSubstr("nonsense")));
}

TEST_F(RequestTest, RefusesAnotherKeysSignature) {
  const PkeyPtr key = NewEcKey();
  const PkeyPtr other = NewEcKey();
  const auto request = BuildRequest(**BuildName({{"CN", "x"}}), *key, {});
  ASSERT_THAT(request, IsOk());
  ASSERT_EQ(X509_REQ_set_pubkey(request->get(), other.get()), 1);
  EXPECT_THAT(ParseRequest(FormatRequest(**request)), StatusIs(kInvalid, HasSubstr("failed to be verified")));
}

TEST_F(RequestTest, RefusesWhatIsNoRequest) {
  EXPECT_THAT(ParseRequest(""), StatusIs(kInvalid));
  EXPECT_THAT(ParseRequest(ca_.certificate()), StatusIs(kInvalid));
  EXPECT_THAT(ParseRequest(absl::StrReplaceAll(ca_.certificate(), {{"CERTIFICATE", "CERTIFICATE REQUEST"}})),
              StatusIs(kInvalid));
}

}  // namespace
}  // namespace aziot::openssl
