// provisionctl: manages provisiond over its admin socket.
#include <cstdio>

#include "provisiond/ctl/session.h"

namespace aziot::provisiond::ctl {
namespace {

int Report(const absl::Status& status) {
  if (status.ok()) return kDone;
  std::fprintf(stderr, "provisionctl: %s\n", std::string(status.message()).c_str());
  // The commands' own verdicts; the client has no such codes for a daemon that is not reached.
  if (absl::IsDataLoss(status) || absl::IsUnimplemented(status)) return kRefused;
  return client::AnswerOf(status) ? kRefused : kUnreachable;
}

int Run(int argc, char** argv) {
  Session session;
  CLI::App app("Manages provisiond over its admin socket.", "provisionctl");
  app.set_version_flag("--version", AZIOT_VERSION);
  app.add_option("--root", session.root, "Goes before each built-in path");
  app.add_option("--socket", session.socket,
                 "The admin socket (default: /run/provisiond/admin.sock under the root)");
  app.add_flag("--json", session.json, "Print the answer as JSON");
  app.require_subcommand(1);
  app.fallthrough();
  AddEnrollmentCommands(app, session);
  AddDeviceCommands(app, session);
  AddServiceCommands(app, session);
  AddStoreCommands(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  return Report(session.status);
}

}  // namespace
}  // namespace aziot::provisiond::ctl

int main(int argc, char** argv) { return aziot::provisiond::ctl::Run(argc, argv); }
