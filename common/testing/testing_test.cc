#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <sys/stat.h>

#include <filesystem>

#include "common/files/files.h"
#include "common/openssl/certificate.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "common/testing/test_ca.h"

namespace aziot::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct FreeStore {
  void operator()(X509_STORE* p) const { X509_STORE_free(p); }
  void operator()(X509_STORE_CTX* p) const { X509_STORE_CTX_free(p); }
};

// The result of X509_verify_cert for a leaf-first chain under `root`.
int Verify(const std::string& root, const std::string& chain_pem, X509_PURPOSE* purpose) {
  const auto roots = *openssl::ParseCertificates(root);
  const auto chain = *openssl::ParseCertificates(chain_pem);
  const std::unique_ptr<X509_STORE, FreeStore> store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), roots.at(0).get());
  const openssl::X509StackPtr others(sk_X509_new_null());
  for (const openssl::X509Ptr& certificate : chain) {
    X509_up_ref(certificate.get());
    sk_X509_push(others.get(), certificate.get());
  }
  const std::unique_ptr<X509_STORE_CTX, FreeStore> context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), chain.at(0).get(), others.get());
  X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_get_id(purpose));
  X509_verify_cert(context.get());
  return X509_STORE_CTX_get_error(context.get());
}

TEST(TestCa, ItsCertificatesVerifyForTheirPurposeOnly) {
  X509_PURPOSE* server = X509_PURPOSE_get0(X509_PURPOSE_get_by_sname("sslserver"));
  X509_PURPOSE* client = X509_PURPOSE_get0(X509_PURPOSE_get_by_sname("sslclient"));
  const TestCa root;
  const TestCa intermediate = root.IssueCa("Intermediate");
  for (const TestCa* ca : {&root, &intermediate}) {
    EXPECT_EQ(Verify(ca->root(), ca->IssueServer().certificate, server), X509_V_OK);
    EXPECT_EQ(Verify(ca->root(), ca->IssueServer().certificate, client), X509_V_ERR_INVALID_PURPOSE);
    EXPECT_EQ(Verify(ca->root(), ca->IssueClient("device").certificate, client), X509_V_OK);
  }
  EXPECT_NE(Verify(TestCa().root(), root.IssueClient("device").certificate, client), X509_V_OK);
  const Validity past{absl::Now() - absl::Hours(2), absl::Now() - absl::Hours(1)};
  EXPECT_EQ(Verify(root.root(), root.IssueClient("device", past).certificate, client),
            X509_V_ERR_CERT_HAS_EXPIRED);
}

TEST(TestCa, WritesFilesWhoseKeyIsClosedToOthers) {
  const TempDir dir;
  const Issued issued = TestCa().IssueServer("hub", {"DNS:hub"});
  const IssuedFiles paths = WriteIssued(issued, dir.path(), "hub");
  EXPECT_THAT(files::Read(paths.certificate), IsOkAndHolds(issued.certificate));
  const auto chain = *openssl::ParseCertificates(issued.certificate);
  EXPECT_EQ(X509_check_host(chain.at(0).get(), "hub", 0, 0, nullptr), 1);
  const auto key = openssl::ParsePrivateKey(*files::Read(paths.private_key));
  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(X509_check_private_key(chain.at(0).get(), key->get()), 1);
  struct stat info;
  ASSERT_EQ(stat(paths.private_key.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
}

TEST(TempDir, IsGoneAtTheEnd) {
  std::string path;
  {
    const TempDir dir;
    path = dir.path();
    ASSERT_THAT(files::Replace(dir.Join("file"), "x", 0400), IsOk());
    EXPECT_NE(TempDir().path(), path);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(StatusMatchers, TellStatusesApart) {
  const absl::StatusOr<int> five = 5;
  const absl::StatusOr<int> missing = absl::NotFoundError("no such key");
  EXPECT_THAT(five, IsOkAndHolds(5));
  EXPECT_THAT(five, Not(IsOkAndHolds(6)));
  EXPECT_THAT(missing, Not(IsOkAndHolds(5)));
  EXPECT_THAT(missing, Not(IsOk()));
  EXPECT_THAT(missing, StatusIs(absl::StatusCode::kNotFound, HasSubstr("key")));
  EXPECT_THAT(missing, Not(StatusIs(absl::StatusCode::kNotFound, HasSubstr("certificate"))));
  EXPECT_THAT(missing.status(), Not(StatusIs(absl::StatusCode::kInternal)));
}

}  // namespace
}  // namespace aziot::testing
