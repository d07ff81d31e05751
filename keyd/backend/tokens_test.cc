#include "keyd/backend/tokens.h"

#include <gmock/gmock.h>

#include "common/testing/status_matchers.h"

namespace aziot::keyd {
namespace {

using aziot::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

BackendOptions Options() {
  return {.pkcs11_lib_path = "/x.so",
          .pkcs11_base_slot = uri::Pkcs11Uri{.token = "main", .pin_value = "1234"}};
}

TEST(TokensTest, NoneWithoutAModule) {
  EXPECT_THAT(*PlanTokens({.pkcs11_base_slot = uri::Pkcs11Uri{.token = "main"}}), IsEmpty());
  EXPECT_THAT(*PlanTokens({.pkcs11_lib_path = "/x.so"}), IsEmpty());
}

TEST(TokensTest, UrisOfOneTokenShareAPlan) {
  BackendOptions options = Options();
  options.preloaded = {{"ca", uri::Pkcs11Uri{.token = "main", .object = "ca key"}},
                       {"other", uri::Pkcs11Uri{.slot_id = 7, .pin_value = "9"}},
                       {"file", uri::FileUri{"/x"}}};
  const auto plans = PlanTokens(options);
  ASSERT_TRUE(plans.ok()) << plans.status();
  ASSERT_EQ(plans->size(), 2u);
  const TokenPlan& main = (*plans)[0];
  EXPECT_TRUE(main.creates);
  EXPECT_EQ(NameOf(main), "token \"main\"");
  EXPECT_EQ(main.pin_value, "1234");
  EXPECT_EQ(main.preloaded.at("ca").object, "ca key");
  const TokenPlan& other = (*plans)[1];
  EXPECT_FALSE(other.creates);
  EXPECT_EQ(NameOf(other), "token in slot 7");
  EXPECT_EQ(other.pin_value, "9");
}

TEST(TokensTest, ATokenHasOnePin) {
  BackendOptions options = Options();
  options.preloaded = {{"ca", uri::Pkcs11Uri{.token = "main", .pin_value = "s3cret"}}};
  EXPECT_THAT(PlanTokens(options), StatusIs(absl::StatusCode::kInvalidArgument,
                                            ::testing::AllOf(HasSubstr("\"ca\""), HasSubstr("token \"main\""),
                                                             ::testing::Not(HasSubstr("s3cret")))));
  options.preloaded = {{"ca", uri::Pkcs11Uri{.token = "main", .pin_value = "1234"}}};
  EXPECT_TRUE(PlanTokens(options).ok());
}

TEST(TokensTest, TheWorkerIsToldEverything) {
  BackendOptions options = Options();
  options.pkcs11_base_slot->serial = "s";
  options.pkcs11_base_slot->pin_value.reset();
  options.pkcs11_base_slot->pin_source = "/run/pin";
  options.preloaded = {{"ca", uri::Pkcs11Uri{.token = "main", .object = "o", .serial = "s", .id = "\x01"}}};
  const auto plans = PlanTokens(options);
  ASSERT_EQ(plans->size(), 1u);
  const worker::RemoteOptions remote = OptionsOf(plans->front());
  EXPECT_EQ(remote.lane.lane, Lane::Named("token \"main\""));
  EXPECT_EQ(remote.lane.threads, 4);
  const auto& token = remote.setup.token();
  EXPECT_EQ(token.module_path(), "/x.so");
  EXPECT_EQ(token.label(), "main");
  EXPECT_FALSE(token.has_slot_id());
  EXPECT_EQ(token.serial(), "s");
  EXPECT_EQ(token.pin_source(), "/run/pin");
  EXPECT_FALSE(token.has_pin());
  EXPECT_TRUE(token.creates());
  EXPECT_EQ(token.preloaded().at("ca").label(), "o");
  EXPECT_EQ(token.preloaded().at("ca").id(), "\x01");
}

}  // namespace
}  // namespace aziot::keyd
