#include "certd/renewal/pair_switch.h"

#include <gtest/gtest.h>

#include <map>

#include "common/files/files.h"
#include "common/openssl/certificate.h"
#include "common/testing/temp_dir.h"

namespace aziot::certd {
namespace {

// Pairs in a map, with a failure before or after a move, or an absence.
class FakePairs final : public PairKeys {
 public:
  absl::StatusOr<bool> Holds(const KeyId& id, const EVP_PKEY& key) override {
    if (gone) return absl::UnavailableError("keyd is not there");
    const auto found = pairs.find(id);
    return found != pairs.end() && EVP_PKEY_eq(found->second, &key) == 1;
  }
  absl::Status Move(const KeyId& from, const KeyId& to) override {
    if (fails_before) return absl::InternalError("not moved");
    if (!pairs.contains(from)) return absl::InternalError("no such pair");
    pairs[to] = pairs[from];
    pairs.erase(from);
    if (!fails_after) return absl::OkStatus();
    gone = dies_after;
    return absl::UnavailableError("no answer");
  }

  std::map<KeyId, const EVP_PKEY*> pairs;
  bool gone = false;
  bool fails_before = false;
  bool fails_after = false;
  bool dies_after = false;
};

class PairSwitchTest : public ::testing::Test {
 protected:
  PairSwitchTest() {
    keys_.pairs[names_.key] = old_key_.get();
    keys_.pairs[names_.fresh_key] = new_key_.get();
    EXPECT_TRUE(files::Replace(names_.file, old_chain_, 0644).ok());
  }
  std::string ChainOf(const EVP_PKEY& key) {
    const openssl::X509Ptr certificate(X509_new());
    X509_set_pubkey(certificate.get(), const_cast<EVP_PKEY*>(&key));
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_sign(certificate.get(), const_cast<EVP_PKEY*>(&key), EVP_sha256());
    return openssl::FormatCertificate(*certificate);
  }
  std::string Certificate() { return files::Read(names_.file).value_or("(absent)"); }
  bool Waits() { return files::Exists(names_.file + ".new"); }
  void ExpectOld() {
    EXPECT_EQ(Certificate(), old_chain_);
    EXPECT_TRUE(*keys_.Holds(names_.key, *old_key_));
    EXPECT_FALSE(Waits());
  }
  void ExpectNew() {
    EXPECT_EQ(Certificate(), new_chain_);
    EXPECT_TRUE(*keys_.Holds(names_.key, *new_key_));
    EXPECT_FALSE(Waits());
  }

  const openssl::PkeyPtr old_key_{EVP_EC_gen("P-256")};
  const openssl::PkeyPtr new_key_{EVP_EC_gen("P-256")};
  const std::string old_chain_ = ChainOf(*old_key_);
  const std::string new_chain_ = ChainOf(*new_key_);
  const aziot::testing::TempDir directory_;
  const PairSwitch::Names names_{directory_.Join("est-id.cer"), *KeyId::Parse("est-id"),
                                 *KeyId::Parse("est-id-temp")};
  FakePairs keys_;
  PairSwitch switch_{keys_};
};

TEST_F(PairSwitchTest, BothAreReplaced) {
  EXPECT_TRUE(switch_.Run(names_, new_chain_).ok());
  ExpectNew();
  EXPECT_TRUE(switch_.Recover(names_).ok()) << "nothing is under way";
  ExpectNew();
}

TEST_F(PairSwitchTest, ACertificateOfAnotherKeyChangesNothing) {
  EXPECT_TRUE(absl::IsFailedPrecondition(switch_.Run(names_, old_chain_)));
  EXPECT_TRUE(absl::IsFailedPrecondition(switch_.Run(names_, "no certificate")));
  ExpectOld();
}

TEST_F(PairSwitchTest, AMoveThatFailsIsUndone) {
  keys_.fails_before = true;
  EXPECT_FALSE(switch_.Run(names_, new_chain_).ok());
  ExpectOld();
}

TEST_F(PairSwitchTest, AMoveWithoutAnswerIsLookedAt) {
  keys_.fails_after = true;
  EXPECT_TRUE(switch_.Run(names_, new_chain_).ok());
  ExpectNew();
}

TEST_F(PairSwitchTest, WhatKeydCannotSayWaitsUntilItCan) {
  keys_.fails_after = keys_.dies_after = true;
  EXPECT_FALSE(switch_.Run(names_, new_chain_).ok());
  EXPECT_TRUE(Waits());
  EXPECT_FALSE(switch_.Recover(names_).ok());
  EXPECT_TRUE(Waits());
  keys_.gone = keys_.fails_after = false;
  EXPECT_TRUE(switch_.Recover(names_).ok());
  ExpectNew();
}

TEST_F(PairSwitchTest, AfterACrashBeforeTheMoveItIsFinished) {
  ASSERT_TRUE(files::Replace(names_.file + ".new", new_chain_, 0644).ok());
  EXPECT_TRUE(switch_.Recover(names_).ok());
  ExpectNew();
}

TEST_F(PairSwitchTest, WhatBelongsToNoPairIsGivenUp) {
  keys_.pairs.erase(names_.fresh_key);
  ASSERT_TRUE(files::Replace(names_.file + ".new", new_chain_, 0644).ok());
  EXPECT_TRUE(switch_.Recover(names_).ok());
  ExpectOld();
  ASSERT_TRUE(files::Replace(names_.file + ".new", "garbage", 0644).ok());
  EXPECT_TRUE(switch_.Recover(names_).ok());
  ExpectOld();
}

}  // namespace
}  // namespace aziot::certd
