// aziot-keyd: the parts and their order.
#include <sys/stat.h>

#include <cstdlib>

#include "common/bytes/secret.h"
#include "common/log/log.h"
#include "common/server/args.h"
#include "common/server/server.h"
#include "common/status/status_macros.h"
#include "keyd/backend/backends.h"
#include "keyd/backend/locked_allocations.h"
#include "keyd/config.h"
#include "keyd/handles/key_handles.h"
#include "keyd/service/access_gate.h"
#include "keyd/service/derived_keys.h"
#include "keyd/service/key_pairs.h"
#include "keyd/service/operations.h"
#include "keyd/service/symmetric_keys.h"
#include "keyd/tpm_service.h"

namespace aziot::keyd {
namespace {

constexpr absl::string_view kMoreOptions =
    "  --tpm-service  serves tpmd.sock instead: the TPM service, which has a configuration of its own\n";

void LogWarnings(const KeydConfig& config) {
  for (const std::string& warning : config.warnings) log::Warn("{}", warning);
}

// Principals follow the files; everything else waits for the next start. A bad file changes nothing.
absl::Status Reload(const config::Sources& sources, const KeydConfig& at_start, AccessGate& access) {
  absl::StatusOr<KeydConfig> config = LoadKeydConfig(sources);
  if (!config.ok()) {
    log::Error("the configuration was not reloaded, the last good one stays: {}", config.status());
    return config.status();
  }
  LogWarnings(*config);
  if (!SameButPrincipals(*config, at_start)) {
    log::Warn(
        "more than [[principal]] has changed in the configuration; the rest counts from the next start");
  }
  access.Replace(access::AccessRules(std::move(config->principals)));
  log::Info("principals reloaded");
  return absl::OkStatus();
}

std::vector<server::LaneOptions> LanesOf(const KeyBackend& backend) {
  std::vector<server::LaneOptions> lanes;
  for (const BackendLane& own : backend.Lanes()) lanes.push_back({.lane = own.lane, .threads = own.threads});
  return lanes;
}

absl::Status Run(int argc, char** argv) {
  const server::Args args = server::ParseArgs("keyd", argc, argv, kMoreOptions);
  const config::Sources sources{args.config_file, args.config_dir};
  ASSIGN_OR_RETURN(const KeydConfig config, LoadKeydConfig(sources));
  LogWarnings(config);

  ASSIGN_OR_RETURN(const std::unique_ptr<KeyBackend> backend, NewKeyBackend(config.backend));
  KeyHandles handles(*backend);
  AccessGate access{access::AccessRules(config.principals)};
  SymmetricKeys symmetric_keys(*backend, handles, access);
  KeyPairs key_pairs(*backend, handles, access);
  DerivedKeys derived_keys(*backend, handles);
  Operations operations(*backend, handles);

  rpc::Dispatcher dispatcher;
  symmetric_keys.Register(dispatcher);
  key_pairs.Register(dispatcher);
  derived_keys.Register(dispatcher);
  operations.Register(dispatcher);
  dispatcher.CheckComplete();

  server::Options options;
  options.name = "keyd";
  options.socket = args.socket;
  options.limits = config.limits;
  options.max_requests = config.max_requests;
  options.grpc = config.grpc;
  options.lanes = LanesOf(*backend);
  options.reload = [&] { return Reload(sources, config, access); };
  options.watched = {sources.file, sources.directory};
  ASSIGN_OR_RETURN(const std::unique_ptr<server::Server> server,
                   server::Server::New(std::move(options), dispatcher));
  return server->Run();
}

}  // namespace
}  // namespace aziot::keyd

int main(int argc, char** argv) {
  const bool locked = aziot::keyd::InstallLockedAllocator();
  aziot::ProtectSecretMemory();
  umask(077);
  const char* filter = std::getenv("AZIOT_LOG");
  aziot::log::Init(filter == nullptr ? "" : filter);
  if (!locked) aziot::log::Warn("what OpenSSL computes from RSA keys is kept in ordinary memory");
  if (argc == 2 && argv[1] == aziot::keyd::kKeyWorkerArgument) return aziot::keyd::RunKeyWorker();
  if (aziot::keyd::IsTpmService(argc, argv)) {
    return aziot::server::ExitCode(aziot::keyd::RunTpmService(argc, argv));
  }
  return aziot::server::ExitCode(aziot::keyd::Run(argc, argv));
}
