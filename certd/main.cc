// aziot-certd: the parts and their order.
#include <sys/stat.h>

#include <cstdlib>

#include "certd/config.h"
#include "certd/issuer/keyd_keys.h"
#include "certd/service/certificates.h"
#include "certd/store/cert_store.h"
#include "common/bytes/secret.h"
#include "common/client/client.h"
#include "common/log/log.h"
#include "common/server/args.h"
#include "common/server/server.h"
#include "common/status/status_macros.h"

namespace aziot::certd {
namespace {

void LogWarnings(const CertdConfig& config) {
  for (const std::string& warning : config.warnings) log::Warn("{}", warning);
}

absl::Status Run(int argc, char** argv) {
  const server::Args args = server::ParseArgs("certd", argc, argv);
  const config::Sources sources{args.config_file, args.config_dir};
  ASSIGN_OR_RETURN(const CertdConfig config, LoadCertdConfig(sources));
  LogWarnings(config);

  ASSIGN_OR_RETURN(const std::unique_ptr<CertStore> store, CertStore::Open(config.homedir));
  client::Client keyd({.socket = args.Rooted("/run/aziot/keyd.sock"), .api_version = "2021-05-01"});
  KeydKeys keys(keyd, args.prefix + "/lib/ossl-modules");
  CertificatesService service(*store, keys, Clock::System(), config.rules);

  rpc::Dispatcher dispatcher;
  service.Register(dispatcher);
  dispatcher.CheckComplete();

  server::Options options;
  options.name = "certd";
  options.socket = args.socket;
  options.limits = config.limits;
  options.max_requests = config.max_requests;
  options.grpc = config.grpc;
  options.grpc_module = args.prefix + "/lib/aziot-identity-service/aziot_grpc.so";
  options.watched = {args.config_file, args.config_dir};
  options.reload = [&] {
    absl::StatusOr<CertdConfig> fresh = LoadCertdConfig(sources);
    if (!fresh.ok()) {
      log::Warn("The new configuration is not used: {}", fresh.status());
      return fresh.status();
    }
    LogWarnings(*fresh);
    if (!SameUntilRestart(*fresh, config)) {
      log::Warn("homedir_path, max_requests, limits or grpc has changed; that counts from the next start");
    }
    service.SwapRules(std::move(fresh->rules));
    log::Info("Configuration loaded again.");
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(const std::unique_ptr<server::Server> server,
                   server::Server::New(std::move(options), dispatcher));
  return server->Run();
}

}  // namespace
}  // namespace aziot::certd

int main(int argc, char** argv) {
  umask(0077);
  const char* filter = std::getenv("AZIOT_LOG");
  aziot::log::Init(filter == nullptr ? "" : filter);
  aziot::ProtectSecretMemory();
  return aziot::server::ExitCode(aziot::certd::Run(argc, argv));
}
