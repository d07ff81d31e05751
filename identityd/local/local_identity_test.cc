#include "identityd/local/local_identity.h"

#include <gtest/gtest.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "common/openssl/certificate.h"
#include "common/openssl/owned.h"
#include "common/testing/status_matchers.h"

namespace aziot::identityd {
namespace {

using testing::IsOk;

class LocalRequestTest : public ::testing::Test {
 protected:
  // The DNS name that a request for `name` carries, or "none".
  std::string DnsNameFor(const std::string& name, bool server) {
    const auto text = FormatLocalRequest(*key_, name, server);
    EXPECT_THAT(text, IsOk());
    const auto request = openssl::ParseRequest(*text);
    EXPECT_THAT(request, IsOk());
    common_name_ = openssl::CommonName(*X509_REQ_get_subject_name(request->get()));
    const openssl::X509ExtensionsPtr extensions(X509_REQ_get_extensions(request->get()));
    extensions_ = sk_X509_EXTENSION_num(extensions.get());
    auto* names =
        static_cast<GENERAL_NAMES*>(X509V3_get_d2i(extensions.get(), NID_subject_alt_name, nullptr, nullptr));
    if (names == nullptr) return "none";
    std::string found;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
      const GENERAL_NAME* entry = sk_GENERAL_NAME_value(names, i);
      EXPECT_EQ(entry->type, GEN_DNS);
      found.append(reinterpret_cast<const char*>(ASN1_STRING_get0_data(entry->d.dNSName)));
    }
    GENERAL_NAMES_free(names);
    return found;
  }

  const openssl::PkeyPtr key_{EVP_RSA_gen(2048)};
  std::string common_name_;
  int extensions_ = 0;
};

TEST_F(LocalRequestTest, AServerIsNamedInFull) {
  const std::string name = "m1." + std::string(70, 'h') + ".example.com";
  EXPECT_EQ(DnsNameFor(name, /*server=*/true), name);
  EXPECT_EQ(common_name_, name.substr(0, 64));
  EXPECT_EQ(extensions_, 4);
}

TEST_F(LocalRequestTest, AClientHasNoDnsName) {
  EXPECT_EQ(DnsNameFor("m1.host.example.com", /*server=*/false), "none");
  EXPECT_EQ(common_name_, "m1.host.example.com");
  EXPECT_EQ(extensions_, 3);
}

TEST_F(LocalRequestTest, AModuleIdBringsNoFurtherNames) {
  for (const char* name : {"m,DNS:bank.example", "m,IP:1.2.3.4", "m 1.host", "m\n1.host"}) {
    EXPECT_EQ(DnsNameFor(name, /*server=*/true), "none") << name;
    EXPECT_EQ(common_name_, name);
  }
}

}  // namespace
}  // namespace aziot::identityd
