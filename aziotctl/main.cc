#include <CLI/CLI.hpp>
#include <cstdio>

#include "absl/strings/str_split.h"
#include "aziotctl/commands/commands.h"
#include "common/bytes/secret.h"
#include "common/log/log.h"

namespace aziot::ctl {

void Fail(Invocation& invocation, const absl::Status& status) {
  std::fflush(stdout);  // what went before stands before
  const std::vector<std::string> causes = absl::StrSplit(status.message(), "\ncaused by: ");
  std::fprintf(stderr, "%s\n", causes.front().c_str());
  for (size_t i = 1; i < causes.size(); ++i)
    std::fprintf(stderr, "%s    %s\n", i == 1 ? "\nCaused by:\n" : "", causes[i].c_str());
  invocation.exit_status = 1;
}

namespace {

constexpr int kUsage = 2;
constexpr void (*kCommands[])(CLI::App&, Invocation&) = {AddConfig, AddSystem, AddCheck};

int Run(int argc, char** argv) {
  CLI::App app{"Configures, checks and operates the device identity suite.", "aziotctl"};
  Invocation invocation;
  app.add_option("--root", invocation.root, "Directory that goes before each built-in path")
      ->type_name("DIR");
  app.set_version_flag("--version", "aziotctl " AZIOT_VERSION);
  app.require_subcommand(1);
  for (const auto add : kCommands) add(app, invocation);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return status == 0 ? 0 : kUsage;
  }
  return invocation.exit_status;
}

}  // namespace
}  // namespace aziot::ctl

int main(int argc, char** argv) {
  aziot::log::Init("off");  // a command prints its own errors
  aziot::ProtectSecretMemory();
  return aziot::ctl::Run(argc, argv);
}
