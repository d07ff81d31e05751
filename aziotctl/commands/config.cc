#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "aziotctl/commands/commands.h"
#include "aziotctl/commands/daemon_sockets.h"
#include "aziotctl/super_config/apply.h"
#include "aziotctl/super_config/connection_string.h"
#include "aziotctl/super_config/split.h"
#include "aziotctl/super_config/super_config.h"
#include "aziotctl/super_config/toml_text.h"
#include "common/files/files.h"
#include "common/status/status_macros.h"

namespace aziot::ctl {
namespace {

struct ApplyOptions {
  std::string config_file;
  bool dry_run = false;
};
struct MpOptions {
  std::string connection_string;
  std::string out_file;
  bool force = false;
};

absl::StatusOr<std::string> MachineName() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0)
    return absl::InternalError("could not read the machine's host name");
  return std::string(name);
}

void PrintPlan(const std::vector<PlannedFile>& plan, const DaemonConfigs& configs, const std::string& root) {
  for (const PlannedFile& file : plan) {
    const auto now = files::Read(file.path);
    const bool same = now.ok() && *now == file.content;
    std::printf("%s: %s\n", file.path.c_str(),
                same       ? "unchanged"
                : now.ok() ? "would be replaced by"
                           : "would be made");
    if (!same) std::printf("%s\n", file.content.c_str());
  }
  if (configs.device_key.has_value()) {
    std::printf("%s: would hold the device's key (%zu bytes, not shown)\n", DeviceKeyFile(root).c_str(),
                configs.device_key->size());
  }
}

absl::Status Apply(const Invocation& invocation, const ApplyOptions& options) {
  const std::string path =
      options.config_file.empty() ? invocation.Rooted("/etc/aziot/config.toml") : options.config_file;
  ASSIGN_OR_RETURN(const SuperConfig super, LoadSuperConfig(path));
  for (const std::string& warning : super.warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  if (geteuid() != 0) return absl::PermissionDeniedError("this command must be run as root");
  ASSIGN_OR_RETURN(const files::Owner certd, FindUser("aziotcs"));
  ASSIGN_OR_RETURN(const files::Owner identityd, FindUser("aziotid"));
  ASSIGN_OR_RETURN(const std::string machine, MachineName());
  const Surroundings around{
      .root = invocation.root, .hostname = machine, .certd_uid = certd.uid, .identityd_uid = identityd.uid};
  absl::StatusOr<DaemonConfigs> configs = Split(super.message, around);
  if (!configs.ok()) {
    return absl::Status(configs.status().code(), absl::StrCat(path, ": ", configs.status().message()));
  }
  ASSIGN_OR_RETURN(const std::vector<PlannedFile> plan, Plan(*configs, invocation.root));
  if (options.dry_run) {
    PrintPlan(plan, *configs, invocation.root);
    return absl::OkStatus();
  }
  if (configs->device_key.has_value()) {
    std::printf("Note: the symmetric key is kept in %s, readable by keyd alone.\n",
                DeviceKeyFile(invocation.root).c_str());
  }
  RETURN_IF_ERROR(Write(*configs, plan, invocation.root));
  std::printf("Azure IoT Identity Service has been configured successfully!\n\n");
  if (!ServiceManagerRuns(invocation)) {
    std::printf(
        "No service manager runs these daemons here: they load their configuration within 10 seconds, or at "
        "once "
        "on SIGHUP; a changed [provisioning] needs `aziotctl system reprovision`.\n");
    return absl::OkStatus();
  }
  std::printf("Restarting service for configuration to take effect...\n");
  RETURN_IF_ERROR(RestartServices());
  std::printf("Done.\n");
  return absl::OkStatus();
}

// The argument itself, or with "-" one line of standard input: arguments are visible in the process list.
std::string ReadConnectionString(const MpOptions& options) {
  if (options.connection_string != "-") return options.connection_string;
  std::string line;
  std::getline(std::cin, line);
  return std::string(absl::StripAsciiWhitespace(line));
}

absl::Status MakeManual(const Invocation& invocation, const MpOptions& options) {
  const std::string path =
      options.out_file.empty() ? invocation.Rooted("/etc/aziot/config.toml") : options.out_file;
  const std::string text = ReadConnectionString(options);
  RETURN_IF_ERROR(ParseConnectionString(text).status());
  if (files::Exists(path) && !options.force) {
    return absl::AlreadyExistsError(absl::StrCat(
        "File ", path,
        " already exists. To apply its configuration, run\n\n    sudo aziotctl config apply -c '", path,
        "'\n\nTo replace it, run `aziotctl config mp --force`."));
  }
  TomlText out;
  out.Bool("prefer_module_identity_cache", false);
  out.Table({"provisioning"});
  out.String("source", "manual");
  out.String("connection_string", text);
  for (const char* table : {"aziot_keys", "preloaded_keys", "cert_issuance", "preloaded_certs", "tpm"})
    out.Table({table});
  RETURN_IF_ERROR(files::Replace(path, out.text(), 0600));
  std::printf(
      "Azure IoT Identity Service has been configured successfully!\nThe configuration has been written to "
      "%s\n"
      "To apply it, run\n\n    sudo aziotctl config apply -c '%s'\n\n",
      path.c_str(), path.c_str());
  return absl::OkStatus();
}

}  // namespace

void AddConfig(CLI::App& app, Invocation& invocation) {
  CLI::App* config = app.add_subcommand("config", "Make and apply the configuration");
  config->require_subcommand(1);

  const auto apply_options = std::make_shared<ApplyOptions>();
  CLI::App* apply =
      config->add_subcommand("apply", "Split config.toml into what each daemon reads, and restart them");
  apply->add_option("-c,--config", apply_options->config_file, "Default: /etc/aziot/config.toml")
      ->type_name("FILE");
  apply->add_flag("--dry-run", apply_options->dry_run,
                  "Show what would be written, without secrets, and write nothing");
  apply->callback([&invocation, apply_options] {
    if (const absl::Status done = Apply(invocation, *apply_options); !done.ok()) Fail(invocation, done);
  });

  const auto mp_options = std::make_shared<MpOptions>();
  CLI::App* mp =
      config->add_subcommand("mp", "Make a config.toml for manual provisioning with a connection string");
  mp->add_option("-c,--connection-string", mp_options->connection_string,
                 "The device's connection string, or - to read it from standard input")
      ->required()
      ->type_name("CS");
  mp->add_option("-o,--out-config-file", mp_options->out_file, "Default: /etc/aziot/config.toml")
      ->type_name("FILE");
  mp->add_flag("-f,--force", mp_options->force, "Overwrite an existing file");
  mp->callback([&invocation, mp_options] {
    if (const absl::Status done = MakeManual(invocation, *mp_options); !done.ok()) Fail(invocation, done);
  });
}

}  // namespace aziot::ctl
