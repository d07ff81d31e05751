#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "aziotctl/commands/commands.h"
#include "aziotctl/commands/daemon_sockets.h"
#include "aziotctl/super_config/apply.h"
#include "aziotctl/super_config/connection_string.h"
#include "aziotctl/super_config/diff.h"
#include "aziotctl/super_config/split.h"
#include "aziotctl/super_config/super_config.h"
#include "aziotctl/super_config/toml_text.h"
#include "common/files/files.h"
#include "common/ids/utf8.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::ctl {
namespace {

struct ApplyOptions {
  std::string config_file;
  bool dry_run = false;
};
struct MpOptions {
  std::string connection_string;
  std::string connection_string_file;
  std::string out_file;
  bool force = false;
};

absl::StatusOr<std::string> MachineName() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0)
    return absl::InternalError("could not read the machine's host name");
  return std::string(name);
}

// What would change, without secrets.
void PrintPlan(const std::vector<PlannedFile>& plan, const DaemonConfigs& configs, const std::string& root) {
  for (const PlannedFile& file : plan) {
    const auto now = files::Read(file.path);
    const bool same = now.ok() && *now == file.content;
    std::printf("%s: %s\n", file.path.c_str(),
                same       ? "unchanged"
                : now.ok() ? "would change"
                           : "would be made");
    if (!same) std::printf("%s\n", Diff(now.value_or(""), file.content).c_str());
  }
  const std::string key_file = DeviceKeyFile(root);
  if (configs.device_key.has_value()) {
    std::printf("%s: would hold the device's key (%zu bytes, not shown)\n", key_file.c_str(),
                configs.device_key->size());
  } else if (files::Exists(key_file)) {
    std::printf("%s: would be removed\n", key_file.c_str());
  }
}

void Warn(absl::string_view warning) { std::fprintf(stderr, "warning: %s\n", std::string(warning).c_str()); }

struct Loaded {
  std::string path;
  SuperConfig super;
};

// Warnings go to stderr.
absl::StatusOr<Loaded> LoadFile(const Invocation& invocation, const std::string& config_file) {
  const std::string path = config_file.empty() ? invocation.Rooted("/etc/aziot/config.toml") : config_file;
  ASSIGN_OR_RETURN(SuperConfig super, LoadSuperConfig(path));
  for (const std::string& warning : super.warnings) Warn(warning);
  return Loaded{path, std::move(super)};
}

absl::StatusOr<DaemonConfigs> SplitFile(const Invocation& invocation, const Loaded& loaded,
                                        const files::Owner& certd, const files::Owner& identityd) {
  ASSIGN_OR_RETURN(const std::string machine, MachineName());
  absl::StatusOr<DaemonConfigs> configs = Split(
      loaded.super.message,
      {.root = invocation.root, .hostname = machine, .certd_uid = certd.uid, .identityd_uid = identityd.uid});
  if (!configs.ok()) return Annotate(configs.status(), loaded.path);
  for (const std::string& warning : configs->warnings) Warn(absl::StrCat(loaded.path, ": ", warning));
  return configs;
}

absl::Status Apply(const Invocation& invocation, const ApplyOptions& options) {
  ASSIGN_OR_RETURN(const Loaded loaded, LoadFile(invocation, options.config_file));
  if (geteuid() != 0) return absl::PermissionDeniedError("this command must be run as root");
  ASSIGN_OR_RETURN(const files::Owner certd, FindUser("aziotcs"));
  ASSIGN_OR_RETURN(const files::Owner identityd, FindUser("aziotid"));
  ASSIGN_OR_RETURN(const DaemonConfigs configs, SplitFile(invocation, loaded, certd, identityd));
  ASSIGN_OR_RETURN(const std::vector<PlannedFile> plan, Plan(configs, invocation.root));
  if (options.dry_run) {
    PrintPlan(plan, configs, invocation.root);
    return absl::OkStatus();
  }
  if (configs.device_key.has_value()) {
    std::printf("Note: the symmetric key is kept in %s, readable by keyd alone.\n",
                DeviceKeyFile(invocation.root).c_str());
  }
  RETURN_IF_ERROR(Write(configs, plan, invocation.root));
  std::printf("Azure IoT Identity Service has been configured successfully!\n\n");
  if (!ServiceManagerRuns(invocation)) {
    std::printf(
        "No service manager runs these daemons here: they load their configuration within 10 seconds, or at "
        "once on SIGHUP; a changed [provisioning] needs `aziotctl system reprovision`.\n");
    return absl::OkStatus();
  }
  std::printf("Restarting service for configuration to take effect...\n");
  RETURN_IF_ERROR(RestartServices());
  std::printf("Done.\n");
  return absl::OkStatus();
}

// Anybody may ask: the service users need not exist yet.
absl::StatusOr<DaemonConfigs> SplitAsAnybody(const Invocation& invocation, const Loaded& loaded) {
  const files::Owner nobody{0, 0};
  return SplitFile(invocation, loaded, FindUser("aziotcs").value_or(nobody),
                   FindUser("aziotid").value_or(nobody));
}

absl::Status Validate(const Invocation& invocation, const std::string& config_file) {
  ASSIGN_OR_RETURN(const Loaded loaded, LoadFile(invocation, config_file));
  RETURN_IF_ERROR(SplitAsAnybody(invocation, loaded).status());
  std::printf("%s is valid.\n", loaded.path.c_str());
  return absl::OkStatus();
}

absl::Status Show(const Invocation& invocation, const std::string& config_file, bool redact) {
  ASSIGN_OR_RETURN(const Loaded loaded, LoadFile(invocation, config_file));
  ASSIGN_OR_RETURN(const DaemonConfigs configs, SplitAsAnybody(invocation, loaded));
  const std::pair<const char*, const std::string*> daemons[] = {{"keyd", &configs.keyd},
                                                                {"certd", &configs.certd},
                                                                {"identityd", &configs.identityd},
                                                                {"tpmd", &configs.tpmd}};
  for (const auto& [daemon, text] : daemons) {
    std::printf("# ---- %s\n\n%s\n", daemon, (redact ? Redacted(*text) : *text).c_str());
  }
  return absl::OkStatus();
}

std::string FirstLine(std::istream& in) {
  std::string line;
  std::getline(in, line);
  return std::string(absl::StripAsciiWhitespace(line));
}

// The argument itself; arguments are visible in the process list, so it may be a line of standard input or of
// a file instead.
absl::StatusOr<std::string> ReadConnectionString(const MpOptions& options) {
  const std::string& file = options.connection_string_file;
  if (options.connection_string == "-" || file == "-") return FirstLine(std::cin);
  if (file.empty()) return options.connection_string;
  std::ifstream in(file);
  if (!in) return ErrnoStatus(errno, absl::StrCat("could not open ", file));
  return FirstLine(in);
}

absl::Status MakeManual(const Invocation& invocation, const MpOptions& options) {
  const std::string path =
      options.out_file.empty() ? invocation.Rooted("/etc/aziot/config.toml") : options.out_file;
  ASSIGN_OR_RETURN(const std::string text, ReadConnectionString(options));
  RETURN_IF_ERROR(ParseConnectionString(text).status());
  if (!IsUtf8(text)) return absl::InvalidArgumentError("connection string: not UTF-8, which TOML needs");
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
      config->add_subcommand("apply", "Split config.toml into what each service reads, and restart them");
  apply->add_option("-c,--config", apply_options->config_file, "Default: /etc/aziot/config.toml")
      ->type_name("FILE");
  apply->add_flag("--dry-run", apply_options->dry_run,
                  "Show what would be written, without secrets, and write nothing");
  apply->callback([&invocation, apply_options] {
    if (const absl::Status done = Apply(invocation, *apply_options); !done.ok()) Fail(invocation, done);
  });

  const auto config_file = std::make_shared<std::string>();
  CLI::App* validate =
      config->add_subcommand("validate", "Look for errors in config.toml without applying it");
  validate->add_option("-c,--config", *config_file, "Default: /etc/aziot/config.toml")->type_name("FILE");
  validate->callback([&invocation, config_file] {
    if (const absl::Status done = Validate(invocation, *config_file); !done.ok()) Fail(invocation, done);
  });

  const auto redact = std::make_shared<bool>(false);
  CLI::App* show =
      config->add_subcommand("show", "Print what each service would be given, without the device's key");
  show->add_option("-c,--config", *config_file, "Default: /etc/aziot/config.toml")->type_name("FILE");
  show->add_flag("--redact", *redact, "Hide passwords and PINs");
  show->callback([&invocation, config_file, redact] {
    if (const absl::Status done = Show(invocation, *config_file, *redact); !done.ok()) Fail(invocation, done);
  });

  const auto mp_options = std::make_shared<MpOptions>();
  CLI::App* mp =
      config->add_subcommand("mp", "Make a config.toml for manual provisioning with a connection string");
  CLI::Option_group* source = mp->add_option_group("Connection string");
  source
      ->add_option("-c,--connection-string", mp_options->connection_string,
                   "The device's connection string, or - to read it from standard input")
      ->type_name("CS");
  source
      ->add_option("--connection-string-file", mp_options->connection_string_file,
                   "A file whose first line is the connection string, or - for standard input")
      ->type_name("FILE");
  source->require_option(1);
  mp->add_option("-o,--out-config-file", mp_options->out_file, "Default: /etc/aziot/config.toml")
      ->type_name("FILE");
  mp->add_flag("-f,--force", mp_options->force, "Overwrite an existing file");
  mp->callback([&invocation, mp_options] {
    if (const absl::Status done = MakeManual(invocation, *mp_options); !done.ok()) Fail(invocation, done);
  });
}

}  // namespace aziot::ctl
