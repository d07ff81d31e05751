#include "identityd/principals/principals.h"

#include <gtest/gtest.h>

#include "common/testing/status_matchers.h"

namespace aziot::identityd {
namespace {

using ::testing::ElementsAre;

Principal Typed(uid_t uid, const char* name, IdTypes types) {
  return {.uid = uid, .name = name, .idtypes = types, .local = std::nullopt};
}

TEST(PrincipalsTest, APrincipalComesBeforeRoot) {
  const auto principals = Principals::Make({Typed(0, "m0", {.module = true}),
                                            {.uid = 64001, .name = "edge", .idtypes = {}, .local = {}},
                                            Typed(64002, "m2", {})},
                                           {});
  ASSERT_TRUE(principals.ok());
  EXPECT_EQ(principals->Identify({.uid = 0}).kind, CallerKind::kHostProcess);
  EXPECT_EQ(principals->Identify({.uid = 64001}).kind, CallerKind::kDaemon);
  EXPECT_EQ(principals->Identify({.uid = 64002}).kind, CallerKind::kHostProcess);
  EXPECT_EQ(principals->Identify({.uid = 64003}).kind, CallerKind::kUnknown);
  EXPECT_EQ(Principals().Identify({.uid = 0}).kind, CallerKind::kLocalRoot);
}

TEST(PrincipalsTest, OnlyTheFirstUntypedPrincipalCounts) {
  const auto principals = Principals::Make({{.uid = 64001, .name = "a", .idtypes = {}, .local = {}},
                                            {.uid = 64002, .name = "b", .idtypes = {}, .local = {}}},
                                           {});
  ASSERT_TRUE(principals.ok());
  EXPECT_EQ(principals->Identify({.uid = 64001}).kind, CallerKind::kDaemon);
  EXPECT_EQ(principals->Identify({.uid = 64002}).kind, CallerKind::kUnknown);
  ASSERT_EQ(principals->warnings().size(), 1u);
  EXPECT_NE(principals->warnings()[0].find("Principal \"b\""), std::string::npos);
}

TEST(PrincipalsTest, OfOneUidTheLaterOneAnswersAndBothAreReconciled) {
  const auto principals =
      Principals::Make({Typed(64001, "a", {.module = true}), Typed(64001, "b", {.module = true})}, {});
  ASSERT_TRUE(principals.ok());
  EXPECT_EQ(principals->Identify({.uid = 64001}).principal->name, "b");
  EXPECT_THAT(principals->ModuleNames(), ElementsAre("a", "b"));
  EXPECT_EQ(principals->warnings().size(), 1u);
}

struct RuleCase {
  const char* name;
  std::vector<Principal> principals;
  Principals::Surroundings surroundings;
  const char* message;  // "" for none
};
class PrincipalRules : public ::testing::TestWithParam<RuleCase> {};

TEST_P(PrincipalRules, AreNamedWhenBroken) {
  const absl::Status status = Principals::Make(GetParam().principals, GetParam().surroundings).status();
  EXPECT_EQ(status.message(), GetParam().message);
}
INSTANTIATE_TEST_SUITE_P(
    All, PrincipalRules,
    ::testing::Values(
        RuleCase{"Duplicate",
                 {Typed(1, "m", {.module = true}), Typed(2, "m", {.module = true})},
                 {},
                 "duplicate module name: m"},
        RuleCase{"LocalWithoutDomain",
                 {Typed(1, "m", {.local = true})},
                 {.has_localid = false},
                 "invalid config for m: local id type requires localid config"},
        RuleCase{"OptionsWithoutLocal",
                 {{.uid = 1, .name = "m", .idtypes = IdTypes{.module = true}, .local = LocalOptions{}}},
                 {.has_localid = true},
                 "invalid config for m: local identity options specified for non-local identity"},
        RuleCase{
            "UntypedIsExempt", {{.uid = 1, .name = "m", .idtypes = {}, .local = LocalOptions{}}}, {}, ""},
        RuleCase{"ModuleWithoutHub",
                 {Typed(1, "m", {.module = true})},
                 {.has_hub = false},
                 "invalid config for m: module or device identity requires provisioning with IoT Hub"},
        RuleCase{"DeviceWithoutHub",
                 {Typed(1, "m", {.device = true})},
                 {.has_hub = false},
                 "invalid config for m: module or device identity requires provisioning with IoT Hub"},
        RuleCase{"LocalWithoutHub",
                 {Typed(1, "m", {.local = true})},
                 {.has_hub = false, .has_localid = true},
                 ""}),
    [](const auto& info) { return std::string(info.param.name); });

struct RightsCase {
  const char* name;
  uid_t uid;
  bool manage, device, own, other;
};
class Rights : public ::testing::TestWithParam<RightsCase> {};

TEST_P(Rights, FollowTheMatrix) {
  const auto principals = Principals::Make({{.uid = 64001, .name = "edge", .idtypes = {}, .local = {}},
                                            Typed(64002, "own", {.module = true}),
                                            Typed(64003, "dev", {.device = true}),
                                            Typed(64004, "loc", {.local = true}),
                                            Typed(64005, "nothing", {})},
                                           {.has_localid = true});
  ASSERT_TRUE(principals.ok());
  const Caller caller = principals->Identify({.uid = GetParam().uid});
  EXPECT_EQ(caller.MayManage(), GetParam().manage);
  EXPECT_EQ(caller.MayHaveDevice(), GetParam().device);
  EXPECT_EQ(caller.MayHaveModule(caller.principal != nullptr ? caller.principal->name : "x"), GetParam().own);
  EXPECT_EQ(caller.MayHaveModule("another"), GetParam().other);
}
INSTANTIATE_TEST_SUITE_P(All, Rights,
                         ::testing::Values(RightsCase{"Root", 0, true, true, true, true},
                                           RightsCase{"Daemon", 64001, true, true, true, true},
                                           RightsCase{"Module", 64002, false, false, true, false},
                                           RightsCase{"Device", 64003, false, true, false, false},
                                           RightsCase{"Local", 64004, false, false, true, false},
                                           RightsCase{"NoRights", 64005, false, false, false, false},
                                           RightsCase{"Unknown", 64006, false, false, false, false}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace aziot::identityd
