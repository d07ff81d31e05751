#include "common/rpc/errors.h"
#include "keyd/service/service_fixture.h"

namespace aziot::keyd {
namespace {

class SymmetricKeysTest : public ServiceFixture {
 protected:
  static keys::v1::CreateKeyRequest Generate(absl::string_view id, absl::string_view usage = "sign") {
    keys::v1::CreateKeyRequest request;
    request.set_key_id(std::string(id));
    request.set_usage(std::string(usage));
    return request;
  }
  auto Create(const keys::v1::CreateKeyRequest& request, uid_t uid = kRoot) {
    return Call(symmetric_keys_, &SymmetricKeys::CreateKey, request, uid);
  }
  auto Get(absl::string_view id, uid_t uid = kRoot) {
    keys::v1::GetKeyRequest request;
    request.set_id(std::string(id));
    return Call(symmetric_keys_, &SymmetricKeys::GetKey, request, uid);
  }
};

TEST_F(SymmetricKeysTest, GeneratesOnceAndGets) {
  const auto made = Create(Generate("agent-key"), kAgent);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(handles_.Open(made->key_handle())->kind, Handle::Kind::kKey);
  const Mac mac = *backend_.Hmac(*KeyId::Parse("agent-key"), {});
  ASSERT_TRUE(Create(Generate("agent-key"), kAgent).ok());
  EXPECT_EQ(*backend_.Hmac(*KeyId::Parse("agent-key"), {}), mac);
  const auto got = Get("agent-key", kAgent);
  ASSERT_TRUE(got.ok());
  EXPECT_NE(got->key_handle(), made->key_handle());
}

TEST_F(SymmetricKeysTest, ImportReplaces) {
  CreateKey("key", "one");
  const Mac one = *backend_.Hmac(*KeyId::Parse("key"), {});
  CreateKey("key", "two");
  EXPECT_NE(*backend_.Hmac(*KeyId::Parse("key"), {}), one);
}

TEST_F(SymmetricKeysTest, AnEmptyImportIsRefused) {
  keys::v1::CreateKeyRequest request = Generate("key");
  request.set_key_bytes("");
  EXPECT_THAT(Create(request), Answers(400, Invalid("keyBytes", "a key has at least one byte")));
}

TEST_F(SymmetricKeysTest, UnknownUsageIsUnprocessable) {
  for (const absl::string_view usage : {"", "verify", "sign,", "sign, derive"}) {
    EXPECT_EQ(rpc::ToWire(Create(Generate("key", usage)).status()).http, 422) << usage;
  }
}

TEST_F(SymmetricKeysTest, AMissingKeyIs400) { EXPECT_THAT(Get("key"), Answers(400, kBadParameter)); }

TEST_F(SymmetricKeysTest, OnlyPrincipalsNameKeys) {
  EXPECT_THAT(Create(Generate("agent-key"), kStranger),
              Answers(401, "user 64002 is not authorized to access the key agent-key"));
  EXPECT_THAT(Get("other", kAgent), Answers(401, "user 64001 is not authorized to access the key other"));
  EXPECT_EQ(backend_.calls(), 0) << "asked before any work";
}

TEST_F(SymmetricKeysTest, ReplacedRulesCount) {
  access_.Replace(access::AccessRules({{kStranger, {"*"}}}));
  EXPECT_TRUE(Create(Generate("agent-key"), kStranger).ok());
  EXPECT_EQ(rpc::ToWire(Create(Generate("agent-key"), kAgent).status()).http, 401);
}

TEST_F(SymmetricKeysTest, TheValidationKeyIsNobodys) {
  ASSERT_TRUE(Create(Generate("key")).ok());
  EXPECT_THAT(Get(kHandleValidationKey), Answers(400, Invalid("id", "this id is reserved")));
  EXPECT_THAT(Create(Generate(kHandleValidationKey)), Answers(400, Invalid("id", "this id is reserved")));
}

TEST_F(SymmetricKeysTest, ANulInAnIdIs400) {
  EXPECT_THAT(Get(absl::string_view("a\0b", 3)),
              Answers(400, Invalid("id", "key id: must be UTF-8 without NUL")));
}

TEST_F(SymmetricKeysTest, DeletesByHandleOfItsKind) {
  const std::string handle = CreateKey("key");
  const auto remove = [&](absl::string_view text) {
    return Call(symmetric_keys_, &SymmetricKeys::DeleteKey, WithHandle(text), kStranger);
  };
  EXPECT_TRUE(remove(handle).ok());
  EXPECT_TRUE(remove(handle).ok()) << "gone already";
  EXPECT_THAT(Get("key"), Answers(400, kBadParameter));
  EXPECT_THAT(remove(CreatePair("pair")), Answers(400, Invalid("handle", "handle is not for a key")));
  EXPECT_THAT(remove(Derive(handle)), Answers(400, Invalid("handle", "handle is not for a key")));
  EXPECT_THAT(remove("sr=AAAA&sig=AAAA"), Answers(400, Invalid("handle", "invalid handle")));
}

TEST_F(SymmetricKeysTest, KeysDoNotMove) {
  keys::v1::MoveRequest request;
  request.set_from("a");
  request.set_to("b");
  EXPECT_THAT(Call(symmetric_keys_, &SymmetricKeys::MoveKey, request), Answers(400, "invalid type \"key\""));
  request.set_to("a");
  EXPECT_THAT(Call(symmetric_keys_, &SymmetricKeys::MoveKey, request),
              Answers(400, "source and destination for move are identical"));
}

TEST_F(SymmetricKeysTest, TroubleShowsItsClassOnly) {
  backend_.FailWith(absl::UnavailableError("the disk is full"));
  EXPECT_THAT(Create(Generate("key")), Answers(500, kInternal));
}

TEST_F(SymmetricKeysTest, MovesToTheBackendsLane) {
  backend_.RunOn(Lane::Named("token-1"));
  ASSERT_TRUE(Create(Generate("key")).ok());
  EXPECT_EQ(moves_, 1);
  EXPECT_EQ(lane_, Lane::Named("token-1"));
}

}  // namespace
}  // namespace aziot::keyd
