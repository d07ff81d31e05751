// provisiond: the parts and their order.
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/bytes/secret.h"
#include "common/files/files.h"
#include "common/log/log.h"
#include "common/server/args.h"
#include "common/server/https_server.h"
#include "common/server/server.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"
#include "provisiond/api/router.h"
#include "provisiond/ca/server_certificate.h"
#include "provisiond/config.h"
#include "provisiond/service/admin.h"
#include "provisiond/store/hubs.h"
#include "provisiond/store/sqlite/sqlite_database.h"
#include "provisiond/store/sqlite/sqlite_upkeep.h"

namespace aziot::provisiond {
namespace {

int PortOf(absl::string_view address) {
  int port = 0;
  const size_t colon = address.rfind(':');
  return colon != absl::string_view::npos && absl::SimpleAtoi(address.substr(colon + 1), &port) ? port : 0;
}

absl::Status PutScopes(store::Database& database, const std::vector<std::string>& scopes, int64_t now) {
  return database.Write([&](store::Session& session) -> absl::Status {
    for (const std::string& scope : scopes) RETURN_IF_ERROR(store::PutScope(session, scope, now));
    return absl::OkStatus();
  });
}

absl::Status Run(int argc, char** argv) {
  const server::Args args = server::ParseArgs("provisiond", argc, argv);
  const Paths paths = Paths::Of(args);
  ASSIGN_OR_RETURN(const Config config, LoadConfig(paths));
  for (const std::string& warning : config.warnings) log::Warn("{}", warning);
  // Clients find the root certificate and the address under these; what is secret in them has its own mode.
  RETURN_IF_ERROR(files::MakeDirectory(paths.state, 0755));
  RETURN_IF_ERROR(files::MakeDirectory(paths.run, 0755));

  Clock& clock = Clock::System();
  const int64_t now = absl::ToUnixMicros(clock.Now());
  ServerCertificate certificate{config.certificate_file, config.key_file};
  if (certificate.certificate_file.empty()) {
    ASSIGN_OR_RETURN(certificate, EnsureServerCertificate(paths.state + "/tls", config.names, clock));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<store::Database> database, store::OpenSqlite(config.store_path));
  const std::string data_key_file = absl::StrCat(config.store_path, ".key");
  ASSIGN_OR_RETURN(const store::Vault vault, store::Vault::Load(data_key_file));
  RETURN_IF_ERROR(PutScopes(*database, config.scopes, now));
  ASSIGN_OR_RETURN(const std::unique_ptr<Hubs> hubs, Hubs::Sync(*database, config.hubs, now));
  if (const int port = PortOf(config.listen.front()); port != 0) hubs->SetPort(port);
  auth::AccessPolicies policies(*database, vault);
  RETURN_IF_ERROR(policies.MakeDefaults());

  Registry registry(*database, vault, clock);
  Enrollments enrollments(*database, vault, clock);
  Registrar registrar(*database, vault, *hubs, clock);
  Twins twins(*database, clock);
  Telemetry telemetry(*database, clock);

  metrics::Registry metrics;
  api::Proofs proofs(config.failed_proofs_per_minute, config.longest_token, *database, clock);
  api::dps::DeviceApi dps_devices(registrar, enrollments, *hubs, config.scopes, proofs,
                                  {config.registrations_per_minute, config.polls_per_10s}, clock);
  api::dps::ServiceApi dps_service(enrollments, *hubs, policies, proofs);
  api::hub::HubAccess access(registry, policies, proofs);
  api::hub::HubApi hub(registry, twins, telemetry, *hubs, access);
  api::Router router(dps_devices, dps_service, hub, *hubs, metrics, clock);

  server::HttpsOptions https;
  https.listen = config.listen;
  https.certificate_file = certificate.certificate_file;
  https.key_file = certificate.key_file;
  https.workers = config.workers;
  https.complete_refusal = [&](http::Response& response) { router.CompleteRefusal(response); };
  ASSIGN_OR_RETURN(
      const std::unique_ptr<server::HttpsServer> front,
      server::HttpsServer::Start(https, [&](const http::Request& request, const server::TlsPeer& peer) {
        return router.Handle(request, peer.address, peer.server_name);
      }));
  hubs->SetPort(PortOf(front->addresses().front()));
  RETURN_IF_ERROR(files::Replace(paths.run + "/address", front->addresses().front() + "\n", 0644));

  store::SqliteUpkeep upkeep(config.store_path);
  AdminService admin({front->addresses(), config.scopes, data_key_file}, enrollments, registry, telemetry,
                     *hubs, policies, upkeep);
  rpc::Dispatcher dispatcher;
  admin.Register(dispatcher);
  dispatcher.CheckComplete();

  server::Options options;
  options.name = "provisiond";
  options.socket = paths.run + "/admin.sock";
  options.limits = config.limits;
  options.grpc = config.grpc;
  options.metrics = &metrics;
  options.reload = [&] {
    absl::Status status;
    // Our own certificate is made again in time for a process that runs for years.
    if (config.certificate_file.empty()) {
      status = EnsureServerCertificate(paths.state + "/tls", config.names, clock).status();
    }
    if (status.ok()) status = front->ReloadCertificate();
    if (!status.ok())
      log::Error("the server certificate was not reloaded, the last good one stays: {}", status);
    return status;
  };
  ASSIGN_OR_RETURN(const std::unique_ptr<server::Server> server, server::Server::New(options, dispatcher));
  // No request is read before Run: nobody else gets in between the two lines.
  if (chmod(options.socket.c_str(), 0600) != 0)
    return ErrnoStatus(errno, absl::StrCat("chmod ", options.socket));
  log::Info("serving devices on {}", front->addresses().front());
  return server->Run();
}

}  // namespace
}  // namespace aziot::provisiond

int main(int argc, char** argv) {
  aziot::ProtectSecretMemory();
  umask(077);
  const char* filter = std::getenv("AZIOT_LOG");
  aziot::log::Init(filter == nullptr ? "" : filter);
  return aziot::server::ExitCode(aziot::provisiond::Run(argc, argv));
}
