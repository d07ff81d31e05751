// aziot-identityd: the parts of the daemon, in the order of their dependence.
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/bytes/secret.h"
#include "common/client/client.h"
#include "common/clock/clock.h"
#include "common/https/client.h"
#include "common/log/log.h"
#include "common/rpc/dispatcher.h"
#include "common/server/args.h"
#include "common/server/server.h"
#include "common/status/status_macros.h"
#include "identityd/attestation/identity_changes.h"
#include "identityd/attestation/symmetric_key/keyd_keys.h"
#include "identityd/attestation/symmetric_key/symmetric_key.h"
#include "identityd/config.h"
#include "identityd/device/device_key.h"
#include "identityd/device/device_store.h"
#include "identityd/device/lifecycle.h"
#include "identityd/modules/hub_client.h"
#include "identityd/modules/module_backups.h"
#include "identityd/modules/module_identities.h"
#include "identityd/modules/module_keys.h"
#include "identityd/modules/reconciler.h"
#include "identityd/provisioning/sources.h"
#include "identityd/service/identity_service.h"

namespace aziot::identityd {
namespace {

constexpr int kWaitingCallers = 16;

absl::StatusOr<Lifecycle::Settings> ToLifecycleSettings(const Config& config, const SourceParts& parts) {
  Lifecycle::Settings settings;
  ASSIGN_OR_RETURN(settings.source, NewSource(config.options.provisioning(), parts));
  settings.modules = config.principals.ModuleNames();
  settings.text = FormatSettings(config.options);
  return settings;
}

std::shared_ptr<const ServiceSettings> ToServiceSettings(const Config& config) {
  auto settings = std::make_shared<ServiceSettings>();
  settings->principals = config.principals;
  settings->provisioning = config.options.provisioning();
  settings->hostname = config.options.hostname();
  settings->local_domain = config.options.localid().domain();
  return settings;
}

std::string HubApiVersion(const Config& config) {
  const config::v1::Provisioning& provisioning = config.options.provisioning();
  return provisioning.has_hub_api_version() ? provisioning.hub_api_version() : HubClient::kUsualApiVersion;
}

https::Options ToCloudOptions(const Config& config, https::ProxySettings proxy) {
  https::Options options;
  options.proxy = std::move(proxy);
  options.timeout = config.cloud_timeout();
  options.retries = config.cloud_retries();
  if (!config.options.product_info().empty())
    absl::StrAppend(&options.user_agent, " ", config.options.product_info());
  return options;
}

void WarnOf(const Config& config) {
  for (const std::string& warning : config.warnings) log::Warn("{}", warning);
}

absl::Status Run(int argc, char** argv) {
  const server::Args args = server::ParseArgs("identityd", argc, argv);
  const char* filter = std::getenv("AZIOT_LOG");
  log::Init(filter != nullptr ? filter : "");
  const config::Sources sources{.file = args.config_file, .directory = args.config_dir};
  ASSIGN_OR_RETURN(const Config config, LoadConfig(sources));
  WarnOf(config);

  Clock& clock = Clock::System();
  ASSIGN_OR_RETURN(https::ProxySettings proxy, https::ProxySettings::FromEnvironment());
  if (!proxy.url.empty()) log::Info("Detected HTTPS proxy server {}", proxy.Redacted());
  https::Client cloud(ToCloudOptions(config, std::move(proxy)), clock);
  const auto send = [&cloud](https::Call call) { return cloud.Send(std::move(call)); };
  client::Client keyd({.socket = args.Rooted("/run/aziot/keyd.sock"), .api_version = "2021-05-01"});
  client::Client certd({.socket = args.Rooted("/run/aziot/certd.sock"), .api_version = "2020-09-01"});

  KeydKeys keys(keyd);
  SymmetricKeyAttestation attestation(keys, clock);
  IdentityChanges changes;

  DeviceStore store(config.options.homedir());
  // The cloud may know the device all the same.
  if (const absl::Status opened = store.Open(); !opened.ok())
    log::Error("Could not open the store: {}", opened);
  HubClient hub(send, attestation, clock);
  hub.UseApiVersion(HubApiVersion(config));
  ModuleKeys module_keys(keys);
  ModuleBackups backups(config.options.homedir());
  ModuleIdentities modules(hub, module_keys, backups, changes, clock);
  modules.PreferCache(config.options.prefer_module_identity_cache());
  Reconciler reconciler(modules, module_keys);

  const SourceParts source_parts{.attestation = attestation, .send = send, .clock = clock};
  const Lifecycle::Steps steps{
      .adopt = [&modules](const DeviceIdentity& device) { modules.Adopt(device); },
      .reconcile =
          [&reconciler, &module_keys](const Lifecycle::ModulePass& pass) {
            absl::Status status = reconciler.Run(
                pass.device,
                {.wanted = pass.wanted, .previous = pass.previous, .verify_keys = pass.verify_keys});
            // Provisioning anew also finds a master key that was replaced. Not before it went well: while
            // keyd or the hub is away, what is known is all there is.
            if (pass.verify_keys && status.ok()) module_keys.KeepOnly(pass.wanted);
            return status;
          },
  };
  ASSIGN_OR_RETURN(Lifecycle::Settings settings, ToLifecycleSettings(config, source_parts));
  const std::optional<std::string> previous = store.LoadSettings();
  Lifecycle lifecycle(std::move(settings),
                      previous ? ParsePreviousModules(*previous) : std::set<std::string>(), steps, store,
                      changes, clock);
  DeviceKey device_key(keys, clock);
  IdentityService service({.lifecycle = lifecycle,
                           .device_key = device_key,
                           .modules = modules,
                           .module_keys = module_keys,
                           .certd = certd,
                           .changes = changes,
                           .clock = clock},
                          ToServiceSettings(config));

  rpc::Dispatcher dispatcher;
  service.Register(dispatcher);
  dispatcher.CheckComplete();

  std::string in_use = FormatSettings(config.options);
  const auto reload = [&]() -> absl::Status {
    const absl::StatusOr<Config> next = LoadConfig(sources);
    if (!next.ok()) {
      log::Warn("Detected config file update, but new config failed to parse. Error: {}", next.status());
      return next.status();
    }
    const std::string text = FormatSettings(next->options);
    if (text == in_use) return absl::OkStatus();
    absl::StatusOr<Lifecycle::Settings> changed = ToLifecycleSettings(*next, source_parts);
    if (!changed.ok()) {
      log::Warn("Detected config file update, but new config failed to parse. Error: {}", changed.status());
      return changed.status();
    }
    WarnOf(*next);
    in_use = text;
    if (const auto keys = KeysThatNeedARestart(config, *next); !keys.empty()) {
      log::Warn("Changed and in effect only after a restart of aziot-identityd: {}",
                absl::StrJoin(keys, ", "));
    }
    cloud.SetLimits(next->cloud_timeout(), next->cloud_retries());
    hub.UseApiVersion(HubApiVersion(*next));
    modules.PreferCache(next->options.prefer_module_identity_cache());
    service.Reload(ToServiceSettings(*next));
    lifecycle.Reload(*std::move(changed));
    return absl::OkStatus();
  };

  server::Options options;
  options.name = "identityd";
  options.socket = args.socket;
  options.limits = config.options.limits();
  if (config.options.has_max_requests()) options.max_requests = config.options.max_requests();
  options.grpc = !config.options.has_grpc() || config.options.grpc();
  options.lanes = {{.lane = IdentityService::WaitingLane(), .threads = kWaitingCallers},
                   {.lane = IdentityService::HubLane(), .threads = kWaitingCallers}};
  options.reload = reload;
  options.watched = {args.config_file, args.config_dir};
  options.ready = [&lifecycle] { return lifecycle.Ready(); };
  options.announce = false;  // the life cycle says it when the device is known
  // Nothing waits for the cloud, keyd or certd any more.
  const auto let_go = [&] {
    cloud.Cancel();
    keyd.Cancel();
    certd.Cancel();
    lifecycle.Stop();
  };
  options.stopping = let_go;
  ASSIGN_OR_RETURN(const std::unique_ptr<server::Server> server,
                   server::Server::New(std::move(options), dispatcher));

  lifecycle.Start();
  const absl::Status status = server->Run();
  let_go();  // also when it could not run
  return status;
}

}  // namespace
}  // namespace aziot::identityd

int main(int argc, char** argv) {
  aziot::ProtectSecretMemory();
  return aziot::server::ExitCode(aziot::identityd::Run(argc, argv));
}
