#include "keyd/handles/key_handles.h"

#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/bytes/base64.h"
#include "common/openssl/digest.h"
#include "keyd/backend/testing/fake_backend.h"

namespace aziot::keyd {
namespace {

// keys-service.md, section 14.
constexpr absl::string_view kGolden =
    "sr=eyJrZXlfaWQiOnsiS2V5UGFpciI6ImRldmljZS1pZCJ9LCJub25jZSI6InFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxc"
    "XFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFnPT0ifQ==&sig=6y5T1edwv3pD"
    "6Ppg9oBeC09YgykgKXOjSGQZS+aIdmY=";

Bytes Counting() {
  Bytes bytes(32);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  return bytes;
}

class KeyHandlesTest : public ::testing::Test {
 protected:
  // A handle over any payload, signed with the right key.
  std::string Signed(absl::string_view payload) {
    const Mac mac = *backend_.Hmac(validation_, ToBytesView(payload));
    return FormatHandle({.payload = ToBytes(payload), .mac = Bytes(mac.begin(), mac.end())});
  }
  absl::Status OpenStatus(absl::string_view handle) { return handles_.Open(handle).status(); }
  void ExpectInvalid(absl::string_view handle) {
    EXPECT_EQ(OpenStatus(handle), absl::InvalidArgumentError("invalid handle")) << handle;
  }

  testing::FakeBackend backend_;
  KeyHandles handles_{backend_};
  const KeyId id_ = *KeyId::Parse("device-id");
  const KeyId validation_ = *KeyId::Parse(kHandleValidationKey);
};

TEST_F(KeyHandlesTest, GoldenVector) {
  ASSERT_TRUE(backend_.ImportKey(validation_, Counting(), {.sign = true}).ok());
  KeyHandles fixed(backend_, [](size_t count) { return Bytes(count, 0xaa); });
  EXPECT_EQ(*fixed.MintKeyPair(id_), kGolden);
  const auto opened = handles_.Open(kGolden);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->kind, Handle::Kind::kKeyPair);
  EXPECT_EQ(opened->id, id_);
}

TEST_F(KeyHandlesTest, EveryKindComesBack) {
  const std::string pair = *handles_.MintKeyPair(id_);
  const std::string key = *handles_.MintKey(id_);
  EXPECT_EQ(handles_.Open(pair)->kind, Handle::Kind::kKeyPair);
  EXPECT_EQ(handles_.Open(key)->kind, Handle::Kind::kKey);
  const Bytes data = {0, 127, 128, 255};
  const auto derived = handles_.Open(*handles_.MintDerived(key, data));
  ASSERT_TRUE(derived.ok());
  EXPECT_EQ(derived->kind, Handle::Kind::kDerived);
  EXPECT_EQ(derived->id, id_);
  EXPECT_EQ(derived->derivation_data, data);
}

TEST_F(KeyHandlesTest, AnyIdComesBack) {
  for (const absl::string_view text : {"", "a/b:c", "\"\\\n\x01", "\xe2\x82\xac&sr="}) {
    const KeyId id = *KeyId::Parse(text);
    EXPECT_EQ(handles_.Open(*handles_.MintKey(id))->id, id) << text;
  }
}

TEST_F(KeyHandlesTest, HandlesOfOneKeyDiffer) {
  std::set<std::string> handles;
  for (int i = 0; i < 10; ++i) handles.insert(*handles_.MintKey(id_));
  EXPECT_EQ(handles.size(), 10u);
}

TEST_F(KeyHandlesTest, EveryChangedCharacterIsRefused) {
  const std::string handle = *handles_.MintKey(id_);
  for (size_t i = 0; i < handle.size(); ++i) {
    std::string changed = handle;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    ExpectInvalid(changed);
  }
  for (size_t size = 0; size < handle.size(); ++size) ExpectInvalid(handle.substr(0, size));
}

TEST_F(KeyHandlesTest, TheLastPartsCountAndOthersAreIgnored) {
  const std::string handle = *handles_.MintKey(id_);
  EXPECT_TRUE(OpenStatus(absl::StrCat("sr=AAAA&sig=AAAA&x&se=1&", handle, "&tail")).ok());
  ExpectInvalid(absl::StrCat(handle, "&sr=AAAA"));
  ExpectInvalid(absl::StrCat(handle, "&sig=AAAA"));
}

TEST_F(KeyHandlesTest, ASignedPayloadOfAnotherFormIsRefused) {
  ASSERT_TRUE(handles_.MintKey(id_).ok());
  EXPECT_TRUE(OpenStatus(Signed(R"({"key_id":{"Key":"a"},"nonce":"n"})")).ok());
  for (const absl::string_view payload :
       {R"({"key_id":{"Key":"a"}})", R"({"key_id":{"Other":"a"},"nonce":"n"})",
        R"({"key_id":"a","nonce":"n"})", R"({"key_id":{"Key":"a\u0000"},"nonce":"n"})",
        R"({"key_id":{"Derived":["x",[256]]},"nonce":"n"})", R"({"key_id":{"Derived":["x"]},"nonce":"n"})",
        "[]", "", "\xff"}) {
    ExpectInvalid(Signed(payload));
  }
}

TEST_F(KeyHandlesTest, NestedDerivedKeysAreRefused) {
  const std::string derived = *handles_.MintDerived(*handles_.MintKey(id_), {});
  const std::string nested = *handles_.MintDerived(derived, {});
  EXPECT_EQ(OpenStatus(nested),
            absl::InvalidArgumentError(
                "nested derived keys are not supported, import the outer derived key first"));
}

TEST_F(KeyHandlesTest, ADerivedHandleNeedsAValidBase) {
  ASSERT_TRUE(handles_.MintKey(id_).ok());
  ExpectInvalid(*handles_.MintDerived("sr=AAAA&sig=AAAA", {}));
}

TEST_F(KeyHandlesTest, TheValidationKeyItselfCannotBeNamed) {
  const std::string handle = *handles_.MintKey(validation_);
  ExpectInvalid(handle);
  ExpectInvalid(*handles_.MintKeyPair(validation_));
  ExpectInvalid(*handles_.MintDerived(handle, {}));
}

TEST_F(KeyHandlesTest, AHandleOfAnotherDeviceIsRefused) {
  testing::FakeBackend other_backend;
  KeyHandles other(other_backend);
  const std::string foreign = *other.MintKey(id_);
  ExpectInvalid(foreign);  // before anything was minted here
  EXPECT_TRUE(absl::IsNotFound(backend_.LoadKey(validation_)));
  ASSERT_TRUE(handles_.MintKey(id_).ok());
  ExpectInvalid(foreign);
}

TEST_F(KeyHandlesTest, TroubleWithTheValidationKeyIsInternal) {
  const std::string handle = *handles_.MintKey(id_);
  backend_.FailWith(absl::UnavailableError("token pulled"));
  EXPECT_TRUE(absl::IsInternal(OpenStatus(handle)));
  EXPECT_TRUE(absl::IsInternal(handles_.MintKey(id_).status()));
}

TEST_F(KeyHandlesTest, APairInTheValidationKeysPlaceIsTroubleToo) {
  constexpr KeyAlgorithm kEc[] = {KeyAlgorithm::kEcP256};
  const std::string handle = *handles_.MintKey(id_);
  ASSERT_TRUE(backend_.DeleteKey(validation_).ok());
  ASSERT_TRUE(backend_.CreateKeyPair(validation_, kEc).ok());
  EXPECT_TRUE(absl::IsInternal(OpenStatus(handle)));
  EXPECT_TRUE(absl::IsInternal(handles_.MintKey(id_).status()));
}

TEST_F(KeyHandlesTest, WithoutAPlaceForKeysNoHandleIsValid) {
  const std::string handle = *handles_.MintKey(id_);
  backend_.FailWith(absl::InvalidArgumentError("no way to create keys"));
  ExpectInvalid(handle);
}

TEST_F(KeyHandlesTest, OnlyTheFirstMintingNeedsALane) {
  backend_.MakeKeysOn(Lane::Peers());
  EXPECT_EQ(handles_.MintLane(), Lane::Peers());
  ASSERT_TRUE(handles_.MintKey(id_).ok());
  EXPECT_EQ(handles_.MintLane(), Lane::Inline());
}

TEST_F(KeyHandlesTest, WhereTheValidationKeyLiesInATokenHandlesAreRemembered) {
  const Lane token = Lane::Named("token:t");
  backend_.RunOn(token);
  const std::string handle = *handles_.MintKey(id_);
  const std::string derived = *handles_.MintDerived(handle, Bytes{1, 2});
  EXPECT_EQ(handles_.MintLane(), token);
  EXPECT_EQ(handles_.OpenLane(), token);
  EXPECT_FALSE(handles_.Recall(derived).has_value());
  ASSERT_TRUE(handles_.Open(derived).ok());
  const int asked = backend_.calls();
  EXPECT_EQ(handles_.Open(derived)->derivation_data, (Bytes{1, 2}));
  EXPECT_EQ(handles_.Recall(derived)->kind, Handle::Kind::kDerived);
  EXPECT_EQ(handles_.Recall(handle)->id, id_);
  EXPECT_EQ(backend_.calls(), asked);
}

TEST_F(KeyHandlesTest, NothingIsRememberedOfHandlesThatMemoryCanCheck) {
  const std::string handle = *handles_.MintKey(id_);
  ASSERT_TRUE(handles_.Open(handle).ok());
  EXPECT_FALSE(handles_.Recall(handle).has_value());
}

TEST_F(KeyHandlesTest, NoRefusedHandleIsRemembered) {
  backend_.RunOn(Lane::Named("token:t"));
  const std::string derived = *handles_.MintDerived(*handles_.MintKey(id_), {});
  const std::string nested = *handles_.MintDerived(derived, {});
  EXPECT_FALSE(handles_.Open(nested).ok());
  EXPECT_FALSE(handles_.Recall(nested).has_value());
  const std::string tampered = absl::StrReplaceAll(derived, {{"&sig=", "&sig=A"}});
  EXPECT_FALSE(handles_.Open(tampered).ok());
  EXPECT_FALSE(handles_.Recall(tampered).has_value());
}

}  // namespace
}  // namespace aziot::keyd
