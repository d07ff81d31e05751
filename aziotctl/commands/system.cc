#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <future>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "aziot/identity/v1/identity.pb.h"
#include "aziotctl/commands/commands.h"
#include "aziotctl/commands/daemon_sockets.h"
#include "common/client/client.h"
#include "common/files/files.h"
#include "common/status/status_macros.h"

namespace aziot::ctl {
namespace {

constexpr absl::Duration kReprovisionLimit = absl::Minutes(10);
constexpr absl::Duration kProbe = absl::Seconds(5);

absl::Status NeedsServiceManager(const Invocation& invocation, absl::string_view what) {
  if (ServiceManagerRuns(invocation)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      what, " works through systemd, which does not run these daemons here; start and stop them by hand"));
}

struct State {
  std::string text;  // `Running`, `Ready` (the socket waits for the first call), or `Down - <why>`
  bool well = false;
  std::vector<std::string> bad_units;
};

State UnitState(const std::string& daemon) {
  const auto active = [](const std::string& unit) {
    const auto output = OutputOf({"systemctl", "is-active", unit});
    return output.ok() ? std::string(absl::StripAsciiWhitespace(*output))
                       : std::string(output.status().message());
  };
  const std::string service_unit = absl::StrCat("aziot-", daemon, ".service");
  const std::string socket_unit = absl::StrCat("aziot-", daemon, ".socket");
  const std::string service = active(service_unit);
  const std::string socket = active(socket_unit);
  if (socket == "active" && service == "active") return {"Running", true, {}};
  if (socket == "active" && service == "inactive") return {"Ready", true, {}};
  State state{"", false, {service_unit}};
  if (socket != "active") state.bad_units.push_back(socket_unit);
  state.text = service == "active"     ? "Down - socket error"
               : service == "inactive" ? absl::StrCat("Down - socket ", socket)
                                       : absl::StrCat("Down - ", service);
  return state;
}

// Without the service manager, the socket itself is asked.
State SocketState(const Invocation& invocation, const std::string& daemon) {
  const auto answer = Get(invocation, daemon, "/ready", kProbe);
  if (!answer.ok()) {
    const bool exists = files::Exists(SocketOf(invocation, daemon));
    return {exists ? absl::StrCat("Down - ", answer.status().message()) : "Down - no socket", false, {}};
  }
  if (answer->status == 200) return {"Running", true, {}};
  return {absl::StrCat("Running - not ready: ", absl::StripAsciiWhitespace(answer->body)), false, {}};
}

absl::Status Status(const Invocation& invocation) {
  const bool managed = ServiceManagerRuns(invocation);
  std::printf("System services:\n");
  std::vector<std::string> bad_units;
  bool all_well = true;
  for (const std::string& daemon : managed ? InstalledDaemons() : Daemons()) {
    // A TPM service that was never started is no fault.
    if (!managed && daemon == "tpmd" && !files::Exists(SocketOf(invocation, daemon))) continue;
    const State state = managed ? UnitState(daemon) : SocketState(invocation, daemon);
    std::printf("    %-24s%s\n", absl::StrCat("aziot-", daemon).c_str(), state.text.c_str());
    all_well = all_well && state.well;
    bad_units.insert(bad_units.end(), state.bad_units.begin(), state.bad_units.end());
  }
  for (const std::string& unit : bad_units) {
    const auto journal = OutputOf({"journalctl", "-u", unit, "-n", "10", "--no-pager"});
    if (journal.ok()) std::printf("\nLast lines of %s:\n%s", unit.c_str(), journal->c_str());
  }
  std::printf(
      "\nUse `aziotctl system logs` for the daemons' logs and `aziotctl check` to look for problems.\n");
  return all_well ? absl::OkStatus() : absl::UnavailableError("not every service is running");
}

absl::Status Reprovision(const Invocation& invocation) {
  client::Client identityd({.socket = SocketOf(invocation, "identityd"),
                            .api_version = "2021-12-01",
                            .timeout = kReprovisionLimit,
                            .retries = 0});
  auto answer = std::async(std::launch::async, [&] {
    return identityd.Call<identity::v1::Done>("aziot.identity.v1.Identities.ReprovisionDevice",
                                              identity::v1::ReprovisionRequest());
  });
  const bool is_terminal = isatty(STDERR_FILENO) != 0;
  while (answer.wait_for(std::chrono::seconds(2)) == std::future_status::timeout) {
    std::fprintf(stderr, "%s", is_terminal ? "." : "Still provisioning...\n");
    std::fflush(stderr);
  }
  const auto result = answer.get();
  if (result.ok()) {
    std::printf("Successfully reprovisioned with IoT Hub.\n");
    return absl::OkStatus();
  }
  const std::string goes_on =
      absl::IsDeadlineExceeded(result.status())
          ? "\nidentityd goes on by itself; `aziotctl system status` shows how it stands."
          : "";
  return absl::InternalError(absl::StrCat("Failed to reprovision: ", result.status().message(), goes_on));
}

absl::Status Logs(const Invocation& invocation, const std::vector<std::string>& arguments) {
  RETURN_IF_ERROR(NeedsServiceManager(invocation, "`system logs`"));
  std::vector<std::string> words = {"journalctl"};
  for (const std::string& daemon : Daemons()) {
    words.push_back("-u");
    words.push_back(absl::StrCat("aziot-", daemon));
  }
  if (arguments.empty()) {
    words.insert(words.end(), {"-e", "--no-pager"});
  } else {
    words.insert(words.end(), arguments.begin(), arguments.end());
  }
  ASSIGN_OR_RETURN(const int status, RunProgram(words));
  return status == 0 ? absl::OkStatus() : absl::InternalError("journalctl failed");
}

absl::Status SetLogLevel(const Invocation& invocation, const std::string& level) {
  RETURN_IF_ERROR(NeedsServiceManager(invocation, "`system set-log-level`"));
  for (const std::string& daemon : InstalledDaemons()) {
    const std::string directory = absl::StrCat("/etc/systemd/system/aziot-", daemon, ".service.d");
    RETURN_IF_ERROR(files::MakeDirectory(directory, 0755));
    RETURN_IF_ERROR(files::Replace(
        absl::StrCat(directory, "/log-level.conf"),
        absl::StrCat("[Service]\nEnvironment=AZIOT_LOG=", absl::AsciiStrToUpper(level), "\n"), 0644));
  }
  ASSIGN_OR_RETURN(const int status, RunProgram({"systemctl", "daemon-reload"}));
  if (status != 0) return absl::InternalError("systemctl daemon-reload failed");
  std::printf("Log level is %s. Run `aziotctl system restart` for it to take effect.\n", level.c_str());
  return absl::OkStatus();
}

}  // namespace

void AddSystem(CLI::App& app, Invocation& invocation) {
  CLI::App* system = app.add_subcommand("system", "Operate the daemons");
  system->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, auto run) {
    CLI::App* command = system->add_subcommand(name, help);
    command->callback([&invocation, run] {
      if (const absl::Status done = run(); !done.ok()) Fail(invocation, done);
    });
    return command;
  };
  add("status", "Show whether each service runs", [&invocation] { return Status(invocation); });
  add("reprovision", "Provision the device again, and wait for the end",
      [&invocation] { return Reprovision(invocation); });
  add("restart", "Restart the services", [&invocation] {
    RETURN_IF_ERROR(NeedsServiceManager(invocation, "`system restart`"));
    return RestartServices();
  });
  add("stop", "Stop the services", [&invocation] {
    RETURN_IF_ERROR(NeedsServiceManager(invocation, "`system stop`"));
    return StopServices();
  });
  const auto level = std::make_shared<std::string>();
  add("set-log-level", "Set the log level of all services",
      [&invocation, level] { return SetLogLevel(invocation, *level); })
      ->add_option("level", *level, "error, warn, info, debug or trace")
      ->required()
      ->check(CLI::IsMember({"error", "warn", "info", "debug", "trace"}));
  const auto arguments = std::make_shared<std::vector<std::string>>();
  add("logs", "Show the daemons' logs", [&invocation, arguments] {
    return Logs(invocation, *arguments);
  })->add_option("arguments", *arguments, "Passed to journalctl; default: -e --no-pager");
}

}  // namespace aziot::ctl
