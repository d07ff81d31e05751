#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <memory>

#include "absl/strings/str_split.h"
#include "aziotctl/checks/checks.h"
#include "aziotctl/checks/report.h"
#include "aziotctl/checks/run.h"
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
int Run(const Invocation& invocation, const CheckOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);  // a server that hangs up is a finding, not the end
  CheckContext context;
  context.root = invocation.root;
  context.iothub_hostname = options.iothub_hostname;
  context.proxy_uri = options.proxy_uri;
  context.expected_version = options.expected_version;
  if (!options.ntp_server.empty()) context.ntp_server = options.ntp_server;
  const RunOptions run{.excluded = absl::StrSplit(options.dont_run, ' ', absl::SkipEmpty()),
                       .warnings_as_errors = options.warnings_as_errors};
  const std::unique_ptr<Report> report = NewReport(options.output, options.verbose, stdout);
  return RunChecks(AllChecks(), context, run, *report) >= Result::Kind::kError ? 1 : 0;
}

void ListText() {
  std::printf("%-24s%-48s%s\n", "CATEGORY", "ID", "DESCRIPTION");
  for (const Section& section : AllChecks()) {
    for (const Check& check : section.checks) {
      std::printf("%-24s%-48s%s\n", std::string(section.name).c_str(), std::string(check.id).c_str(),
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
  check->add_option("--ntp-server", options->ntp_server, "Reference for the clock; default: pool.ntp.org:123")
      ->type_name("HOST:PORT");
  check->add_flag("-v,--verbose", options->verbose, "Show causes and skipped checks");
  check->add_option("--iothub-hostname", options->iothub_hostname, "Hub to test the connection to")
      ->type_name("HOST");
  check->add_option("--proxy-uri", options->proxy_uri, "Proxy for HTTPS checks")->type_name("URI");
  check
      ->add_option("--expected-aziot-version", options->expected_version,
                   "Version that is meant to be installed; without it the latest is asked for")
      ->type_name("VERSION");
  check->callback([&invocation, options] { invocation.exit_status = Run(invocation, *options); });

  const auto output = std::make_shared<std::string>("text");
  CLI::App* list = app.add_subcommand("check-list", "List the checks");
  list->add_option("-o,--output", *output, "text or json")->check(CLI::IsMember({"text", "json"}));
  list->callback([output] { *output == "json" ? ListJson() : ListText(); });
}

}  // namespace aziot::ctl
