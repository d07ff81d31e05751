#include "aziotctl/checks/report.h"

#include <gtest/gtest.h>

namespace aziot::ctl {
namespace {

Result Nothing(CheckContext&, nlohmann::json&) { return Result::Ok(); }
const Check kCheck = {"hostname", "host name is good", Nothing};

class ReportTest : public ::testing::Test {
 protected:
  template <class Use>
  std::string Printed(absl::string_view format, Use use, bool verbose = false) {
    char* text = nullptr;
    size_t size = 0;
    std::FILE* out = open_memstream(&text, &size);
    use(*NewReport(format, verbose, out));
    std::fclose(out);
    const std::string printed(text, size);
    free(text);
    return printed;
  }
};

TEST_F(ReportTest, StreamIsConcatenatedObjectsAndOneFinalNewline) {
  const std::string printed = Printed("json-stream", [](Report& report) {
    report.Section("Configuration checks");
    report.Add(kCheck, Result::Error("bad", "why"), {{"config_hostname", "x"}});
    report.End({{"now", "2026-01-01T00:00:00Z"}});
  });
  EXPECT_EQ(
      printed,
      R"({"kind":"section","name":"Configuration checks"})"
      R"({"kind":"check","id":"hostname","description":"host name is good",)"
      R"("result":{"result":"error","details":["bad","why"]},"additional_info":{"config_hostname":"x"}})"
      R"({"kind":"additional_info","now":"2026-01-01T00:00:00Z"})"
      "\n");
}

TEST_F(ReportTest, JsonSortsChecksById) {
  const std::string printed = Printed("json", [](Report& report) {
    report.Add({"b", "", Nothing}, Result::Ignored(), nlohmann::json::object());
    report.Add({"a", "", Nothing}, Result::Ok(), nlohmann::json::object());
    report.End(nlohmann::ordered_json::object());
  });
  EXPECT_EQ(printed, R"({"additional_info":{},"checks":{"a":{"result":{"result":"ok"},"additional_info":{}},)"
                     R"("b":{"result":{"result":"ignored"},"additional_info":{}}}})"
                     "\n");
}

TEST_F(ReportTest, TextShowsCausesOnlyWhenAsked) {
  const auto use = [](Report& report) {
    report.Section("S");
    report.Add(kCheck, Result::Error("bad", "why"), {});
    report.Add(kCheck, Result::Ignored(), {});
    report.End({});
  };
  const std::string brief = Printed("text", use);
  EXPECT_EQ(brief.find("why"), std::string::npos);
  EXPECT_NE(brief.find("× host name is good - Error\n    bad\n"), std::string::npos) << brief;
  EXPECT_NE(brief.find("1 check(s) succeeded."), std::string::npos);
  EXPECT_NE(Printed("text", use, true).find("        caused by: why"), std::string::npos);
}

TEST_F(ReportTest, TextByteForByte) {
  const auto use = [](Report& report) {
    report.Section("Configuration checks");
    report.Add(kCheck, Result::Ok(), {});
    report.Add(kCheck, Result::Warning("two\nlines", "because"), {});
    report.Add(kCheck, Result::Skipped(), {});
    report.Section("Connectivity checks");
    report.Add(kCheck, Result::Error("bad"), {});
    report.End({});
  };
  EXPECT_EQ(
      Printed("text", use),
      "Configuration checks\n--------------------\n"
      "√ host name is good - OK\n"
      "‼ host name is good - Warning\n    two\n    lines\n"
      "\nConnectivity checks\n-------------------\n"
      "× host name is good - Error\n    bad\n"
      "\n1 check(s) succeeded.\n"
      "1 check(s) raised warnings. Re-run with --verbose for more details.\n"
      "1 check(s) raised errors. Re-run with --verbose for more details.\n"
      "1 check(s) were skipped due to errors from other checks. Re-run with --verbose for more details.\n"
      "\n");
  EXPECT_NE(Printed("text", use, true).find("1 check(s) raised errors.\n"), std::string::npos);
}

}  // namespace
}  // namespace aziot::ctl
