#include "common/bytes/base64.h"
#include "keyd/service/service_fixture.h"

namespace aziot::keyd {
namespace {

class KeyPairsTest : public ServiceFixture {
 protected:
  auto Create(absl::string_view id, std::optional<std::string> algorithms, uid_t uid = kRoot) {
    keys::v1::CreateKeyPairRequest request;
    request.set_key_id(std::string(id));
    if (algorithms.has_value()) request.set_preferred_algorithms(*algorithms);
    return Call(key_pairs_, &KeyPairs::CreateKeyPair, request, uid);
  }
  auto Get(absl::string_view id, uid_t uid = kRoot) {
    keys::v1::GetKeyRequest request;
    request.set_id(std::string(id));
    return Call(key_pairs_, &KeyPairs::GetKeyPair, request, uid);
  }
  auto Move(absl::string_view from, absl::string_view to, uid_t uid = kRoot) {
    keys::v1::MoveRequest request;
    request.set_from(std::string(from));
    request.set_to(std::string(to));
    return Call(key_pairs_, &KeyPairs::MoveKeyPair, request, uid);
  }
  auto Parameter(absl::string_view name, absl::string_view handle) {
    auto request = WithHandle<keys::v1::GetParameterRequest>(handle);
    request.set_name(std::string(name));
    return Call(key_pairs_, &KeyPairs::GetParameter, request, kStranger);
  }
  std::string PointOf(absl::string_view id) {
    return FormatBase64(*backend_.PublicParameter(*KeyId::Parse(id), PairParameter::kEcPoint));
  }
};

TEST_F(KeyPairsTest, CreatesOnceAndGets) {
  const auto made = Create("agent-pair", std::nullopt, kAgent);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(handles_.Open(made->key_handle())->kind, Handle::Kind::kKeyPair);
  const std::string point = PointOf("agent-pair");
  ASSERT_TRUE(Create("agent-pair", "rsa-2048", kAgent).ok());
  EXPECT_EQ(PointOf("agent-pair"), point);
  EXPECT_TRUE(Get("agent-pair", kAgent).ok());
}

TEST_F(KeyPairsTest, NoUsableAlgorithmIs400) {
  for (const char* text : {"", "ed25519"}) {
    EXPECT_THAT(Create("pair", text),
                Answers(400, Invalid("preferredAlgorithms", "no algorithm in the list is supported")));
  }
}

TEST_F(KeyPairsTest, OnlyPrincipalsNamePairs) {
  EXPECT_THAT(Create("agent-pair", std::nullopt, kStranger),
              Answers(401, "user 64002 is not authorized to access the key agent-pair"));
  EXPECT_THAT(Get("other", kAgent), Answers(401, "user 64001 is not authorized to access the key other"));
  EXPECT_EQ(backend_.calls(), 0);
}

TEST_F(KeyPairsTest, AMissingPairIs400) { EXPECT_THAT(Get("pair"), Answers(400, kBadParameter)); }

TEST_F(KeyPairsTest, MoveReplacesAndVoidsTheOldHandle) {
  const std::string handle = CreatePair("agent-temp");
  CreatePair("agent-pair");
  const std::string point = PointOf("agent-temp");
  ASSERT_TRUE(Move("agent-temp", "agent-pair", kAgent).ok());
  EXPECT_EQ(PointOf("agent-pair"), point);
  EXPECT_THAT(Parameter("algorithm", handle), Answers(400, kBadParameter));
}

TEST_F(KeyPairsTest, MoveRefusals) {
  CreatePair("agent-pair");
  EXPECT_THAT(Move("x", "x", kStranger), Answers(400, "source and destination for move are identical"));
  EXPECT_THAT(Move("a", "b", kStranger), Answers(401, "user 64002 is not authorized to access the key a"));
  EXPECT_THAT(Move("agent-pair", "b", kAgent),
              Answers(401, "user 64001 is not authorized to access the key b"));
  EXPECT_THAT(Move("agent-missing", "agent-pair", kAgent), Answers(500, kInternal));
  EXPECT_THAT(Move("agent-pair", kHandleValidationKey), Answers(400, Invalid("id", "this id is reserved")));
  EXPECT_THAT(Move(kHandleValidationKey, "agent-pair"), Answers(400, Invalid("id", "this id is reserved")));
}

TEST_F(KeyPairsTest, DeletesByHandleOfItsKind) {
  const std::string handle = CreatePair("pair");
  const auto remove = [&](absl::string_view text) {
    return Call(key_pairs_, &KeyPairs::DeleteKeyPair, WithHandle(text), kStranger);
  };
  EXPECT_TRUE(remove(handle).ok());
  EXPECT_TRUE(remove(handle).ok());
  EXPECT_THAT(remove(CreateKey("key")), Answers(400, Invalid("handle", "handle is not for a key pair")));
}

TEST_F(KeyPairsTest, ParametersOfAnEcPair) {
  const std::string handle = CreatePair("pair");
  EXPECT_EQ(Parameter("algorithm", handle)->value(), "ECDSA");
  EXPECT_EQ(Parameter("ec-curve-oid", handle)->value(), "BggqhkjOPQMBBw==");
  EXPECT_EQ(Parameter("ec-point", handle)->value(), PointOf("pair"));
  EXPECT_THAT(Parameter("rsa-modulus", handle), Answers(400, kBadParameter));
}

TEST_F(KeyPairsTest, ParametersOfAnRsaPair) {
  const std::string handle = CreatePair("pair", "rsa-2048:*");
  EXPECT_EQ(Parameter("algorithm", handle)->value(), "RSA");
  EXPECT_EQ(Parameter("rsa-exponent", handle)->value(), "AQAB");
  EXPECT_EQ(ParseBase64(Parameter("rsa-modulus", handle)->value())->size(), 256u);
  EXPECT_THAT(Parameter("ec-point", handle), Answers(400, kBadParameter));
}

TEST_F(KeyPairsTest, ParameterRefusals) {
  EXPECT_THAT(Parameter("curve", CreatePair("pair")),
              Answers(400, Invalid("name", "unknown parameter of a key pair")));
  EXPECT_THAT(Parameter("curve", "x"), Answers(400, Invalid("handle", "invalid handle")));
  const std::string key = CreateKey("key");
  EXPECT_THAT(Parameter("algorithm", Derive(key)),
              Answers(400, Invalid("handle", "handle is not for a key pair")));
  EXPECT_THAT(Parameter("algorithm", key), Answers(500, kInternal));
  ASSERT_TRUE(backend_.DeleteKey(*KeyId::Parse("key")).ok());
  EXPECT_THAT(Parameter("algorithm", key), Answers(400, kBadParameter));
}

}  // namespace
}  // namespace aziot::keyd
