#include "common/rpc/rest_client.h"

#include <gtest/gtest.h>

#include "aziot/certificates/v1/certificates.pb.h"
#include "aziot/identity/v1/identity.pb.h"
#include "aziot/keys/v1/keys.pb.h"

namespace aziot::rpc {
namespace {

RestRule Rule(const char* method) {
  return *RestRuleOf(google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(method));
}

TEST(NewRestRequestTest, PathFieldsAreEncodedAndNoBodyIsSentWithGet) {
  keys::v1::GetKeyRequest message;
  message.set_id("a/b \xC3\xA4$");
  const http::Request request = NewRestRequest(Rule("aziot.keys.v1.Keys.GetKey"), message, "2021-05-01");
  EXPECT_EQ(http::FormatRequest(request),
            "GET /key/a%2Fb%20%C3%A4%24?api-version=2021-05-01 HTTP/1.1\r\n\r\n");
}

TEST(NewRestRequestTest, TheBodyHoldsTheRemainingFields) {
  keys::v1::MoveRequest message;
  message.set_to("b");
  message.set_from("a");
  const http::Request request = NewRestRequest(Rule("aziot.keys.v1.Keys.MoveKeyPair"), message, "2021-05-01");
  EXPECT_EQ(
      http::FormatRequest(request),
      "POST /keypair/b?api-version=2021-05-01 HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: "
      "12\r\n\r\n{\"from\":\"a\"}");
}

TEST(NewRestRequestTest, QueryFieldsAreSentWhenSet) {
  identity::v1::ModuleRequest message;
  message.set_id("m");
  EXPECT_EQ(NewRestRequest(Rule("aziot.identity.v1.Identities.GetModule"), message, "2020-09-01").target,
            "/identities/modules/m?api-version=2020-09-01");
  message.set_type("a&b");
  EXPECT_EQ(NewRestRequest(Rule("aziot.identity.v1.Identities.GetModule"), message, "2020-09-01").target,
            "/identities/modules/m?api-version=2020-09-01&type=a%26b");
}

TEST(NewRestRequestTest, APutAlwaysHasABody) {
  identity::v1::ModuleRequest message;
  message.set_id("m");
  const http::Request put =
      NewRestRequest(Rule("aziot.identity.v1.Identities.UpdateModule"), message, "2020-09-01");
  EXPECT_EQ(put.body, "{}");
  const http::Request gone =
      NewRestRequest(Rule("aziot.identity.v1.Identities.DeleteModule"), message, "2020-09-01");
  EXPECT_EQ(gone.body, "");
}

TEST(RestRuleTest, StreamsHaveNone) {
  EXPECT_FALSE(RestRuleOf(google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(
                              "aziot.identity.v1.Identities.WatchIdentity"))
                   .has_value());
}

TEST(RestRuleTest, TheFirstVersionOfARouteCutsThoseBefore) {
  EXPECT_EQ(Rule("aziot.identity.v1.Identities.GetProvisioningInfo").versions,
            (std::vector<std::string>{"2021-12-01", "2022-08-01", "2026-12-01"}));
}

TEST(ReadRestReplyTest, UnknownMembersAreIgnoredMissingOnesAreNot) {
  const RestRule rule = Rule("aziot.keys.v1.Keys.Sign");
  keys::v1::SignReply reply;
  ASSERT_TRUE(ReadRestReply(rule, {.body = R"({"signature":"AQ==","x":1})"}, reply).ok());
  EXPECT_EQ(reply.signature(), "\x01");
  for (const char* body : {"{}", "", R"({"signature":"?"})"}) {
    EXPECT_EQ(ReadRestReply(rule, {.body = body}, reply).code(), absl::StatusCode::kInternal) << body;
  }
  keys::v1::Done done;
  EXPECT_TRUE(ReadRestReply(Rule("aziot.keys.v1.Keys.DeleteKey"), {.status = 204}, done).ok());
}

TEST(RestErrorTextTest, IsTheMessageOrTheStatus) {
  EXPECT_EQ(RestErrorText({.status = 400, .body = R"({"message":"no \"key\"","x":1})"}), "no \"key\"");
  for (const char* body : {"", "{", "[]", "{}", R"({"message":7})"}) {
    EXPECT_EQ(RestErrorText({.status = 500, .body = body}), "HTTP 500 Internal Server Error") << body;
  }
}

}  // namespace
}  // namespace aziot::rpc
