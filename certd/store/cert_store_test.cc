#include "certd/store/cert_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/files/files.h"
#include "common/openssl/certificate.h"
#include "common/testing/temp_dir.h"
#include "common/testing/test_ca.h"

namespace aziot::certd {
namespace {

CertId Id(absl::string_view text) { return *CertId::Parse(text); }

class CertStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<CertStore> Open() {
    auto store = CertStore::Open(directory_.path());
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  std::string Path(absl::string_view name) { return absl::StrCat(directory_.path(), "/", name); }
  const Locations none_{};
  testing::TempDir directory_;
};

TEST_F(CertStoreTest, FileNamesAreThoseOfTheReference) {
  EXPECT_EQ(CertStore::FileName(Id("device-id")),
            "deviceid-bd732105ef89cf8edd2606a5309c8a26b7b5599a4e124a0fe6199b6b2f60e655.cer");
  EXPECT_EQ(CertStore::FileName(Id("")),
            "-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.cer");
}

TEST_F(CertStoreTest, KeepsWhatItWasGivenOverARestart) {
  ASSERT_TRUE(Open()->Put(none_, Id("a/b:c"), "some text").ok());
  EXPECT_EQ(*Open()->Get(none_, Id("a/b:c")), "some text");
  struct stat info {};
  ASSERT_EQ(stat(Path("certs/" + CertStore::FileName(Id("a/b:c"))).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0644u);
}

TEST_F(CertStoreTest, HomeAndStoreAreClosedToOthersAndMadeAgain) {
  const auto store = CertStore::Open(Path("var/certd"));
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE(files::RemoveTree(Path("var/certd")).ok());
  ASSERT_TRUE((*store)->Put(none_, Id("x"), "1").ok());
  for (const char* name : {"var/certd", "var/certd/certs"}) {
    struct stat info {};
    ASSERT_EQ(stat(Path(name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0700u) << name;
  }
}

TEST_F(CertStoreTest, AnOperatorsDirectoryIsNotMade) {
  const auto store = Open();
  const Locations locations = *Locations::New({{Id("ca"), FileLocation{Path("missing/operator.pem")}}});
  EXPECT_FALSE(store->Put(locations, Id("ca"), "pem").ok());
  EXPECT_FALSE(files::Exists(Path("missing")));
}

TEST_F(CertStoreTest, WhatIsDeletedIsGoneAndStaysSo) {
  const auto store = Open();
  ASSERT_TRUE(store->Put(none_, Id("x"), "1").ok());
  ASSERT_TRUE(store->Delete(none_, Id("x")).ok());
  EXPECT_TRUE(absl::IsNotFound(store->Get(none_, Id("x")).status()));
  EXPECT_TRUE(store->Delete(none_, Id("x")).ok());
}

TEST_F(CertStoreTest, PreloadedFileIsReadWrittenAndDeletedInPlace) {
  const auto store = Open();
  const Locations locations = *Locations::New({{Id("ca"), FileLocation{Path("operator.pem")}}});
  ASSERT_TRUE(store->Put(locations, Id("ca"), "pem").ok());
  EXPECT_EQ(*files::Read(Path("operator.pem")), "pem");
  ASSERT_TRUE(store->Delete(locations, Id("ca")).ok());
  EXPECT_FALSE(files::Exists(Path("operator.pem")));
}

TEST_F(CertStoreTest, BundleJoinsWhatExistsWithNewlines) {
  const auto store = Open();
  const Locations locations = *Locations::New(
      {{Id("bundle"), Bundle{Id("one"), Id("missing"), Id("inner")}}, {Id("inner"), Bundle{Id("two")}}});
  EXPECT_TRUE(absl::IsNotFound(store->Get(locations, Id("bundle")).status()));
  ASSERT_TRUE(store->Put(locations, Id("one"), "1").ok());
  ASSERT_TRUE(store->Put(locations, Id("two"), "2\n").ok());
  EXPECT_EQ(*store->Get(locations, Id("bundle")), "1\n2\n");
  EXPECT_FALSE(store->Put(locations, Id("bundle"), "x").ok());
  EXPECT_FALSE(store->Delete(locations, Id("bundle")).ok());
}

TEST_F(CertStoreTest, AnUnusableLocationHarmsOnlyItself) {
  const auto store = Open();
  const Locations locations = *Locations::New({{Id("web"), UnusableLocation{"https://example.org/ca.pem"}}});
  EXPECT_TRUE(absl::IsInternal(store->Get(locations, Id("web")).status()));
  EXPECT_FALSE(store->Put(locations, Id("web"), "x").ok());
  EXPECT_TRUE(store->Put(locations, Id("other"), "x").ok());
}

TEST_F(CertStoreTest, DerFileIsGivenAsPem) {
  testing::TestCa ca("root");
  const auto certificates = openssl::ParseCertificates(ca.certificate());
  ASSERT_TRUE(certificates.ok() && !certificates->empty());
  ASSERT_TRUE(files::Replace(Path("ca.der"), openssl::ToDer(*certificates->front()), 0644).ok());
  const auto store = Open();
  const Locations locations = *Locations::New({{Id("ca"), FileLocation{Path("ca.der")}}});
  const auto pem = store->Get(locations, Id("ca"));
  ASSERT_TRUE(pem.ok()) << pem.status();
  EXPECT_EQ(*pem, openssl::FormatCertificate(*certificates->front()));
  ASSERT_TRUE(files::Replace(Path("ca.der"), Bytes{0xff, 0x00}, 0644).ok());
  EXPECT_TRUE(absl::IsInternal(store->Get(locations, Id("ca")).status()));
}

TEST_F(CertStoreTest, EachCallBringsWhereAnIdLies) {
  const auto store = Open();
  ASSERT_TRUE(store->Put(none_, Id("ca"), "own").ok());
  ASSERT_TRUE(files::Replace(Path("operator.pem"), "theirs", 0644).ok());
  const Locations locations = *Locations::New({{Id("ca"), FileLocation{Path("operator.pem")}}});
  EXPECT_EQ(*store->Get(locations, Id("ca")), "theirs");
  EXPECT_EQ(*StoredCertificates(*store, locations).Get(Id("ca")), "theirs");
  EXPECT_EQ(*store->Get(none_, Id("ca")), "own");
}

}  // namespace
}  // namespace aziot::certd
