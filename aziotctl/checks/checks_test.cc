// The list itself, what a report starts from, and figures of the machine.
#include "aziotctl/checks/checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aziotctl/checks/machine.h"
#include "aziotctl/checks/run.h"

namespace aziot::ctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = Result::Kind;

// What IoT Edge's own command and monitoring scripts know these by.
TEST(AllChecks, IdsAndTheirOrderAreFixed) {
  std::vector<std::string> ids;
  for (const Section& section : AllChecks()) {
    ids.emplace_back(section.name);
    for (const Check& check : section.checks) ids.emplace_back(check.id);
  }
  EXPECT_THAT(
      ids, ElementsAre("Configuration checks", "keyd-config-well-formed", "certd-config-well-formed",
                       "tpmd-config-well-formed", "identityd-config-well-formed", "configs-up-to-date",
                       "hostname", "aziot-version", "host-local-time", "identity-certificate-expiry",
                       "est-identity-and-bootstrap-certificate-expiry", "local-ca-certificate-expiry",
                       "certs-preloaded", "keyd-running", "certd-running", "tpmd-running",
                       "identityd-running", "certs-read", "key-pairs-read", "est-server-https",
                       "certs-match-private-keys", "Connectivity checks", "host-connect-iothub-amqp",
                       "host-connect-iothub-https", "host-connect-iothub-mqtt", "host-connect-dps-endpoint"));
}

// The one report a test needs: what was added, in order.
class Seen final : public Report {
 public:
  void Section(absl::string_view name) override { lines.push_back(absl::StrCat("[", name, "]")); }
  void Add(const Check& check, const Result& result, const nlohmann::json& info) override {
    lines.push_back(absl::StrCat(check.id, " ", static_cast<int>(result.kind), " ", info.dump()));
  }
  void End(const nlohmann::ordered_json&) override { lines.push_back("end"); }
  std::vector<std::string> lines;
};

TEST(RunChecks, ExcludedChecksShowTheirMembersWithoutValues) {
  CheckContext context;
  context.root = "/nowhere";
  RunOptions options;
  for (const Section& section : AllChecks()) {
    for (const Check& check : section.checks) options.excluded.insert(std::string(check.id));
  }
  Seen seen;
  EXPECT_EQ(RunChecks(AllChecks(), context, options, seen), Kind::kIgnored);
  EXPECT_THAT(seen.lines,
              ::testing::Contains("hostname 1 {\"config_hostname\":null,\"machine_hostname\":null}"));
  EXPECT_THAT(seen.lines,
              ::testing::Contains("aziot-version 1 {\"actual_version\":null,\"expected_version\":null}"));
  EXPECT_THAT(seen.lines,
              ::testing::Contains("host-connect-iothub-mqtt 1 "
                                  "{\"iothub_hostname\":null,\"port_number\":8883,\"proxy\":null}"));
  EXPECT_THAT(seen.lines,
              ::testing::Contains("host-connect-dps-endpoint 1 "
                                  "{\"dps_endpoint\":null,\"dps_hostname\":null,\"proxy\":null}"));
  EXPECT_THAT(seen.lines, ::testing::Contains("certs-read 1 {}"));
}

Result Well(CheckContext&, nlohmann::json&) { return Result::Ok(); }
Result Warns(CheckContext&, nlohmann::json&) { return Result::Warning("w"); }
Result Fatal(CheckContext&, nlohmann::json&) { return {Kind::kFatal, {"f"}}; }

TEST(RunChecks, AFatalResultEndsTheRunButNotTheReport) {
  const std::vector<Section> sections = {{"A", {{"1", "", Well}, {"2", "", Fatal}, {"3", "", Well}}},
                                         {"B", {{"4", "", Well}}}};
  CheckContext context;
  Seen seen;
  EXPECT_EQ(RunChecks(sections, context, {}, seen), Kind::kFatal);
  EXPECT_THAT(seen.lines, ElementsAre("[A]", "1 0 {}", "2 5 {}", "end"));
}

TEST(RunChecks, WarningsMayCountAsErrors) {
  const std::vector<Section> sections = {{"A", {{"1", "", Warns}}}};
  CheckContext context;
  Seen plain;
  EXPECT_EQ(RunChecks(sections, context, {}, plain), Kind::kWarning);
  Seen strict;
  EXPECT_EQ(RunChecks(sections, context, {.warnings_as_errors = true}, strict), Kind::kError);
  EXPECT_EQ(strict.lines[1], "1 4 {}");
}

TEST(Findings, OneKeepsItsCausesAndSeveralBecomeLines) {
  EXPECT_THAT(Result::Error("a", "b\ncaused by: c").details, ElementsAre("a", "b", "c"));
  Findings findings;
  EXPECT_EQ(findings.Total().kind, Kind::kOk);
  findings.Add(Result::Ok());
  findings.Add(Result::Error("a", "because"));
  EXPECT_THAT(findings.Total().details, ElementsAre("a", "because"));
  findings.Warn("b");
  EXPECT_EQ(findings.Total().kind, Kind::kError);
  EXPECT_THAT(findings.Total().details, ElementsAre("a: because\nb"));
}

TEST(Machine, SizesAreWhatTheyAreCalled) {
  EXPECT_EQ(FormatSize(0), "0.00 KiB");
  EXPECT_EQ(FormatSize(1536), "1.50 KiB");
  EXPECT_EQ(FormatSize(uint64_t{3} << 29), "1.50 GiB");
  EXPECT_EQ(FormatSize(uint64_t{5} << 42), "20.00 TiB");
  const auto memory = MemoryInfo(
      "MemTotal:        8388608 kB\nMemFree:          524288 kB\nMemAvailable:    6815744 kB\n"
      "SwapTotal:       1048576 kB\nSwapFree:        1048576 kB\n");
  EXPECT_EQ(
      memory.dump(),
      R"({"used_ram":"1.50 GiB","total_ram":"8.00 GiB","used_swap":"0.00 KiB","total_swap":"1.00 GiB"})");
}

TEST(Machine, MembersAreInTheirOrder) {
  CheckContext context;
  context.iothub_hostname = "hub";
  context.identityd.emplace().mutable_provisioning()->set_local_gateway_hostname("parent");
  const auto about = AboutTheMachine(context);
  std::vector<std::string> names;
  for (const auto& [name, value] : about.items()) names.push_back(name);
  EXPECT_THAT(names,
              ElementsAre("now", "os", "dmi", "system_info", "iothub_hostname", "local_gateway_hostname"));
  for (const auto& disk : about["system_info"]["disks"]) {
    EXPECT_THAT(disk["name"].get<std::string>(), HasSubstr("/dev/"));
    EXPECT_THAT(disk["percent_free"].get<std::string>(), ::testing::MatchesRegex("[0-9]+\\.[0-9]%"));
  }
}

}  // namespace
}  // namespace aziot::ctl
