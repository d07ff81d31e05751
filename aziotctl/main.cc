#include <CLI/CLI.hpp>
#include <cstdio>

#include "aziotctl/commands/commands.h"
#include "common/bytes/secret.h"
#include "common/log/log.h"

namespace aziot::ctl {

void Fail(Invocation& invocation, const absl::Status& status) {
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
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
