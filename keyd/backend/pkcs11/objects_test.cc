// Keys that others made, changed or deleted, and preloaded ones.
#include "keyd/backend/pkcs11/objects.h"

#include "absl/strings/str_cat.h"
#include "keyd/backend/pkcs11/testing/token_fixture.h"

namespace aziot::keyd::pkcs11::testing {
namespace {

using aziot::testing::IsOk;
using aziot::testing::IsOkAndHolds;
using aziot::testing::StatusIs;
using ::testing::HasSubstr;

class ObjectsTest : public TokenTest {
 protected:
  static Bytes PointOf(TokenBackend& backend, const KeyId& id) {
    return backend.PublicParameter(id, PairParameter::kEcPoint).value_or(Bytes());
  }
  static constexpr KeyAlgorithm kRsa[] = {KeyAlgorithm::kRsa2048};
};

TEST_F(ObjectsTest, BothHalvesHaveOneIdAndCannotLeave) {
  ASSERT_THAT(Open()->CreateKeyPair(id_, kEc), IsOk());
  ASSERT_THAT(Open()->CreateKey(other_, kSign), IsOk());
  OtherProgram other;
  const auto keys = other.Find(CKO_PRIVATE_KEY, "device-id");
  const auto halves = other.Find(CKO_PUBLIC_KEY, "device-id");
  const auto secrets = other.Find(CKO_SECRET_KEY, "device-id-temp");
  ASSERT_EQ(keys.size(), 1u);
  ASSERT_EQ(halves.size(), 1u);
  ASSERT_EQ(secrets.size(), 1u);
  Session& session = other.session();
  const Bytes id = *session.Attribute(keys[0], CKA_ID);
  EXPECT_EQ(id.size(), 20u);
  EXPECT_EQ(id, *session.Attribute(halves[0], CKA_ID));
  for (const CK_OBJECT_HANDLE key : {keys[0], secrets[0]}) {
    EXPECT_THAT(session.Attribute(key, CKA_EXTRACTABLE), IsOkAndHolds(Bytes{CK_FALSE}));
    EXPECT_THAT(session.Attribute(key, CKA_SENSITIVE), IsOkAndHolds(Bytes{CK_TRUE}));
    EXPECT_THAT(session.Attribute(key, CKA_PRIVATE), IsOkAndHolds(Bytes{CK_TRUE}));
    EXPECT_THAT(session.Attribute(key, CKA_VALUE), IsOkAndHolds(Bytes()));
  }
}

TEST_F(ObjectsTest, ATokenThatRefusesWishesGetsPlainTemplates) {
  for (const char* function : {"C_GenerateKeyPair", "C_GenerateKey", "C_CreateObject"}) {
    for (const char* code : {"CKR_ATTRIBUTE_TYPE_INVALID", "CKR_TEMPLATE_INCONSISTENT"}) {
      for (int refused = 1; refused < 4; ++refused) {
        module_.Follow(absl::StrCat(function, " ", code, " times ", refused));
        const auto backend = Open();
        EXPECT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
        EXPECT_THAT(backend->CreateKey(other_, kSign), IsOk());
        EXPECT_THAT(backend->ImportKey(other_, digest_, kSign), IsOk());
        EXPECT_THAT(backend->SignDigest(id_, digest_), IsOk());
        EXPECT_EQ(PointOf(*backend, id_).size(), 33u);
        EXPECT_THAT(backend->MoveKeyPair(id_, *KeyId::Parse("moved")), IsOk());
        EXPECT_EQ(PointOf(*backend, *KeyId::Parse("moved")).size(), 33u);
        EXPECT_THAT(backend->DeleteKeyPair(*KeyId::Parse("moved")), IsOk());
        EXPECT_THAT(backend->DeleteKey(other_), IsOk());
      }
    }
  }
}

TEST_F(ObjectsTest, AKeyDeletedBehindOurBackIsGoneAndCanBeMadeAnew) {
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  ASSERT_THAT(backend->CreateKey(other_, kSign), IsOk());
  ASSERT_THAT(backend->SignDigest(id_, digest_), IsOk());
  const Bytes before = PointOf(*backend, id_);
  {
    OtherProgram other;
    for (const CK_OBJECT_CLASS object_class : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
      for (const auto object : other.Find(object_class, "device-id")) {
        ASSERT_THAT(other.session().Destroy(object), IsOk());
      }
    }
    for (const auto object : other.Find(CKO_SECRET_KEY, "device-id-temp")) {
      ASSERT_THAT(other.session().Destroy(object), IsOk());
    }
  }
  EXPECT_THAT(backend->SignDigest(id_, digest_), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(backend->LoadKeyPair(id_), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(backend->PublicParameter(id_, PairParameter::kEcPoint), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(backend->Hmac(other_, digest_), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  EXPECT_NE(PointOf(*backend, id_), before);
}

TEST_F(ObjectsTest, WhatAnotherKeydMadeIsFound) {
  const auto one = Open(), other = Open();
  EXPECT_THAT(one->LoadKeyPair(id_), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_THAT(other->CreateKeyPair(id_, kEc), IsOk());
  EXPECT_THAT(one->LoadKeyPair(id_), IsOk());
  EXPECT_EQ(PointOf(*one, id_), PointOf(*other, id_));
  ASSERT_THAT(one->CreateKeyPair(id_, kEc), IsOk());
  EXPECT_EQ(PointOf(*one, id_), PointOf(*other, id_));
}

TEST_F(ObjectsTest, AbsenceIsRememberedForAMomentButNeverWhenCreating) {
  TokenOptions options = Options();
  options.absence_counts = std::chrono::hours(1);
  TokenBackend one(std::move(options));
  EXPECT_THAT(one.LoadKeyPair(id_), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(one.LoadKey(other_), StatusIs(absl::StatusCode::kNotFound));
  module_.ForgetCalls();
  EXPECT_THAT(one.SignDigest(id_, digest_), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(one.Hmac(other_, digest_), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(module_.AllCalls(), 0);
  const auto other = Open();
  ASSERT_THAT(other->CreateKeyPair(id_, kEc), IsOk());
  ASSERT_THAT(one.CreateKeyPair(id_, kEc), IsOk());
  EXPECT_EQ(PointOf(one, id_), PointOf(*other, id_));
  ASSERT_THAT(one.CreateKey(other_, kSign), IsOk());
  EXPECT_THAT(one.Hmac(other_, digest_), IsOk());
}

TEST_F(ObjectsTest, OfTwoPairsOfOneLabelAlwaysTheSameOneCounts) {
  {
    OtherProgram tool;
    tool.MakePair("device-id", "\x01");
    tool.MakePair("device-id", "\x02");
    tool.MakePair("device-id", "");
  }
  const Bytes point = PointOf(*Open(), id_);
  ASSERT_EQ(point.size(), 33u);
  TokenOptions options = Options();
  options.preloaded["second"] = {.label = "device-id", .id = "\x02"};
  TokenBackend backend(std::move(options));
  EXPECT_EQ(PointOf(backend, *KeyId::Parse("second")), point);
  EXPECT_EQ(PointOf(backend, id_), point);
  // All of the label go.
  ASSERT_THAT(backend.DeleteKeyPair(id_), IsOk());
  OtherProgram other;
  EXPECT_TRUE(other.Find(CKO_PRIVATE_KEY, "device-id").empty());
  EXPECT_TRUE(other.Find(CKO_PUBLIC_KEY, "device-id").empty());
}

TEST_F(ObjectsTest, PreloadedKeysAreFoundByLabelOrIdOrAlone) {
  {
    OtherProgram tool;
    tool.MakePair("made by a tool", "\x07\x08");
  }
  TokenOptions options = Options();
  options.creates = false;
  options.preloaded["by-label"] = {.label = "made by a tool", .id = std::nullopt};
  options.preloaded["by-id"] = {.label = std::nullopt, .id = "\x07\x08"};
  options.preloaded["first"] = {};
  options.preloaded["absent"] = {.label = "made by a tool", .id = "\x09"};
  TokenBackend backend(std::move(options));
  const KeyId by_label = *KeyId::Parse("by-label"), by_id = *KeyId::Parse("by-id"),
              first = *KeyId::Parse("first");
  const Bytes point = PointOf(backend, by_label);
  ASSERT_EQ(point.size(), 33u);
  EXPECT_EQ(PointOf(backend, by_id), point);
  EXPECT_EQ(PointOf(backend, first), point);
  EXPECT_THAT(backend.LoadKeyPair(*KeyId::Parse("absent")), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(backend.CreateKeyPair(by_label, kEc), IsOk());  // kept
  EXPECT_EQ(PointOf(backend, by_label), point);

  EXPECT_THAT(backend.DeleteKeyPair(first),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("object=")));
  EXPECT_THAT(backend.DeleteKey(first), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(backend.MoveKeyPair(first, by_label), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(backend.MoveKeyPair(by_id, by_label), StatusIs(absl::StatusCode::kInvalidArgument));

  // Others do not lie here.
  EXPECT_THAT(backend.LoadKeyPair(id_), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(backend.CreateKeyPair(id_, kEc), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(backend.CreateKey(id_, kSign), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(backend.ImportKey(id_, digest_, kSign), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(backend.DeleteKeyPair(id_), IsOk());
  EXPECT_THAT(backend.DeleteKey(id_), IsOk());

  EXPECT_THAT(backend.DeleteKeyPair(by_id), IsOk());
  EXPECT_THAT(backend.LoadKeyPair(by_label), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(ObjectsTest, PreloadedNamesAreCreatedAndMovedUnderTheirLabels) {
  TokenOptions options = Options();
  options.preloaded["a"] = {.label = "label a", .id = "\x01"};
  options.preloaded["b"] = {.label = "label b", .id = std::nullopt};
  TokenBackend backend(std::move(options));
  const KeyId a = *KeyId::Parse("a"), b = *KeyId::Parse("b");
  ASSERT_THAT(backend.CreateKeyPair(a, kEc), IsOk());
  const Bytes point = PointOf(backend, a);
  ASSERT_EQ(point.size(), 33u);
  ASSERT_THAT(backend.MoveKeyPair(a, b), IsOk());
  EXPECT_EQ(PointOf(backend, b), point);
  ASSERT_THAT(backend.MoveKeyPair(b, a), IsOk());
  EXPECT_EQ(PointOf(backend, a), point);
  OtherProgram other;
  EXPECT_EQ(other.Find(CKO_PRIVATE_KEY, "label a").size(), 1u);
  EXPECT_EQ(other.Find(CKO_PUBLIC_KEY, "label a").size(), 1u);
  EXPECT_TRUE(other.Find(CKO_PRIVATE_KEY, "a").empty());
}

TEST_F(ObjectsTest, APairWithoutItsPublicHalfSigns) {
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  ASSERT_THAT(backend->CreateKeyPair(other_, kRsa), IsOk());
  {
    OtherProgram other;
    for (const char* label : {"device-id", "device-id-temp"}) {
      ASSERT_THAT(other.session().Destroy(other.Find(CKO_PUBLIC_KEY, label).at(0)), IsOk());
    }
  }
  const auto fresh = Open();
  EXPECT_THAT(fresh->SignDigest(id_, digest_), IsOk());
  EXPECT_THAT(fresh->FamilyOf(id_), IsOkAndHolds(KeyFamily::kEc));
  EXPECT_THAT(fresh->PublicParameter(id_, PairParameter::kEcPoint),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("public half")));
  // RSA shows what is public of the private key.
  EXPECT_EQ(fresh->PublicParameter(other_, PairParameter::kRsaModulus).value_or(Bytes()).size(), 256u);
  EXPECT_THAT(fresh->PublicParameter(other_, PairParameter::kRsaExponent), IsOkAndHolds(Bytes{1, 0, 1}));
}

TEST_F(ObjectsTest, ALonePublicKeyDoesNotPassForANewPairsHalf) {
  {
    OtherProgram tool;
    tool.MakePair("device-id", "");
    ASSERT_THAT(tool.session().Destroy(tool.Find(CKO_PRIVATE_KEY, "device-id").at(0)), IsOk());
  }
  const auto backend = Open();
  EXPECT_THAT(backend->LoadKeyPair(id_), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  OtherProgram other;
  EXPECT_EQ(other.Find(CKO_PUBLIC_KEY, "device-id").size(), 1u);
}

TEST_F(ObjectsTest, TheEmptyIdMeansNoObjectOfOthers) {
  {
    OtherProgram tool;
    tool.MakePair("", "\x01");
  }
  const KeyId empty = *KeyId::Parse("");
  const auto backend = Open();
  EXPECT_THAT(backend->LoadKeyPair(empty), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_THAT(backend->DeleteKeyPair(empty), IsOk());
  EXPECT_EQ(OtherProgram().Find(CKO_PRIVATE_KEY, "").size(), 1u);
  ASSERT_THAT(backend->CreateKeyPair(empty, kEc), IsOk());
  EXPECT_EQ(PointOf(*backend, empty).size(), 33u);
  ASSERT_THAT(backend->DeleteKeyPair(empty), IsOk());
  EXPECT_EQ(OtherProgram().Find(CKO_PRIVATE_KEY, "").size(), 1u);
}

TEST_F(ObjectsTest, WhatATokenCannotDoIsProvenOnceAndThenKnown) {
  const auto backend = Open();
  module_.Follow("C_EncryptInit CKR_MECHANISM_INVALID\nC_SignInit CKR_MECHANISM_INVALID");
  EXPECT_THAT(backend->CreateKey(id_, kEncrypt),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("CKR_MECHANISM_INVALID")));
  EXPECT_THAT(backend->CreateKey(id_, kSign), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_TRUE(OtherProgram().Find(CKO_SECRET_KEY, "device-id").empty());
  module_.ForgetCalls();
  EXPECT_THAT(backend->CreateKey(id_, kEncrypt), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(backend->CreateKey(id_, kSign), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_EQ(module_.Calls("C_GenerateKey"), 0);
  // An import that fails leaves the key that was there.
  module_.Follow("");
  const auto able = Open();
  ASSERT_THAT(able->CreateKey(id_, kSign), IsOk());
  const Mac mac = *able->Hmac(id_, digest_);
  for (const char* rule : {"C_CreateObject CKR_ATTRIBUTE_VALUE_INVALID", "C_CreateObject CKR_GENERAL_ERROR",
                           "C_CreateObject CKR_TOKEN_WRITE_PROTECTED", "C_SignInit CKR_KEY_SIZE_RANGE"}) {
    module_.Follow(rule);
    EXPECT_THAT(able->ImportKey(id_, digest_, kSign), StatusIs(absl::StatusCode::kUnimplemented)) << rule;
    module_.Follow("");
    EXPECT_THAT(able->Hmac(id_, digest_), IsOkAndHolds(mac)) << rule;
  }
}

TEST_F(ObjectsTest, AFailingGenerationIsNoInability) {
  const auto backend = Open();
  module_.Follow("C_GenerateKey CKR_FUNCTION_NOT_SUPPORTED");
  EXPECT_THAT(backend->CreateKey(id_, kSign), StatusIs(absl::StatusCode::kUnimplemented));
  const auto other = Open();
  module_.Follow("C_GenerateKey CKR_DEVICE_MEMORY times 1");
  EXPECT_THAT(other->CreateKey(id_, kSign), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(other->CreateKey(id_, kSign), IsOk());
  module_.Follow("C_GenerateKeyPair CKR_CURVE_NOT_SUPPORTED times 4");
  const KeyAlgorithm either[] = {KeyAlgorithm::kEcP256, KeyAlgorithm::kRsa2048};
  module_.Follow("C_GenerateKeyPair CKR_MECHANISM_INVALID times 1");
  EXPECT_THAT(other->CreateKeyPair(other_, either), IsOk());
  EXPECT_THAT(other->FamilyOf(other_), IsOkAndHolds(KeyFamily::kRsa));
}

}  // namespace
}  // namespace aziot::keyd::pkcs11::testing
