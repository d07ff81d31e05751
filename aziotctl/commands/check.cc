#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>

#include "absl/strings/str_split.h"
#include "aziotctl/checks/checks.h"
#include "aziotctl/checks/report.h"
#include "aziotctl/commands/commands.h"

namespace aziot::ctl {
namespace {

struct CheckOptions {
  std::string dont_run;
  std::string output = "text";
  bool warnings_as_errors = false;
  bool verbose = false;
  std::string iothub_hostname;
  std::string proxy_uri;
  std::string expected_version;
  std::string ntp_server;
};

// Exit status 1 when a check raised an error.
int RunChecks(const Invocation& invocation, const CheckOptions& options) {
  CheckContext context;
  context.root = invocation.root;
  context.iothub_hostname = options.iothub_hostname;
  context.proxy_uri = options.proxy_uri;
  const std::set<std::string> excluded = absl::StrSplit(options.dont_run, ' ', absl::SkipEmpty());
  const std::unique_ptr<Report> report = NewReport(options.output, options.verbose, stdout);
  Result::Kind worst = Result::Kind::kOk;
  for (const Section& section : AllChecks()) {
    report->Section(section.name);
    for (const Check& check : section.checks) {
      nlohmann::json info = nlohmann::json::object();
      Result result = excluded.contains(std::string(check.id)) ? Result::Ignored() : check.run(context, info);
      if (result.kind == Result::Kind::kWarning && options.warnings_as_errors)
        result.kind = Result::Kind::kError;
      report->Add(check, result, info);
      worst = std::max(worst, result.kind);
      if (worst == Result::Kind::kFatal) break;
    }
    if (worst == Result::Kind::kFatal) break;
  }
  report->End(AboutTheMachine(context));
  return worst >= Result::Kind::kError ? 1 : 0;
}

void ListText() {
  std::printf("%-24s%-34s%s\n", "CATEGORY", "ID", "DESCRIPTION");
  for (const Section& section : AllChecks()) {
    for (const Check& check : section.checks) {
      std::printf("%-24s%-34s%s\n", std::string(section.name).c_str(), std::string(check.id).c_str(),
                  std::string(check.description).c_str());
    }
  }
}

void ListJson() {
  nlohmann::ordered_json list = nlohmann::ordered_json::object();
  for (const Section& section : AllChecks()) {
    for (const Check& check : section.checks) {
      list[std::string(section.name)].push_back(
          {{"id", std::string(check.id)}, {"description", std::string(check.description)}});
    }
  }
  std::printf("%s\n", list.dump().c_str());
}

}  // namespace

void AddCheck(CLI::App& app, Invocation& invocation) {
  const auto options = std::make_shared<CheckOptions>();
  CLI::App* check = app.add_subcommand("check", "Look for problems of configuration and connectivity");
  check->add_option("--dont-run", options->dont_run, "Space-separated ids of checks to leave out")
      ->type_name("IDS");
  check->add_option("-o,--output", options->output, "text, json or json-stream")
      ->check(CLI::IsMember({"text", "json", "json-stream"}));
  check->add_flag("--warnings-as-errors", options->warnings_as_errors, "Report warnings as errors");
  check->add_option("--ntp-server", options->ntp_server, "Accepted; the time check is not supported yet")
      ->type_name("HOST:PORT");
  check->add_flag("-v,--verbose", options->verbose, "Show causes and skipped checks");
  check->add_option("--iothub-hostname", options->iothub_hostname, "Hub to test the connection to")
      ->type_name("HOST");
  check->add_option("--proxy-uri", options->proxy_uri, "Proxy for HTTPS checks")->type_name("URI");
  check
      ->add_option("--expected-aziot-version", options->expected_version,
                   "Accepted; the version check is not supported yet")
      ->type_name("VERSION");
  check->callback([&invocation, options] { invocation.exit_status = RunChecks(invocation, *options); });

  const auto output = std::make_shared<std::string>("text");
  CLI::App* list = app.add_subcommand("check-list", "List the checks");
  list->add_option("-o,--output", *output, "text or json")->check(CLI::IsMember({"text", "json"}));
  list->callback([output] { *output == "json" ? ListJson() : ListText(); });
}

}  // namespace aziot::ctl
