#include "provisiond/config.h"

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "aziot/config/v1/provisiond.pb.h"
#include "common/status/status_macros.h"
#include "provisiond/lifecycle/names.h"

namespace aziot::provisiond {
namespace {

constexpr size_t kMostHubs = 50;
constexpr uint32_t kMostTokenDays = 36500;
constexpr absl::string_view kDefaultScope = "0ne00000001";

std::string FromEnvironment(const char* name, std::string otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : value;
}

absl::Status Bad(absl::string_view key, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("configuration key ", key, ": ", what));
}

absl::StatusOr<std::string> StorePath(const config::v1::Provisiond& message, const Paths& paths) {
  const std::string& url = message.store().url();
  if (url.empty()) return paths.state + "/provisiond.db";
  if (absl::StartsWith(url, "postgresql:")) return Bad("store.url", "PostgreSQL is not supported yet");
  absl::string_view path = url;
  if (!absl::ConsumePrefix(&path, "sqlite:") || !absl::StartsWith(path, "/")) {
    return Bad("store.url", "expected sqlite:/absolute/path");
  }
  return std::string(path);
}

}  // namespace

Paths Paths::Of(const server::Args& args) {
  Paths paths;
  paths.state = args.Rooted("/var/lib/provisiond");
  paths.run = args.Rooted("/run/provisiond");
  paths.config.file = FromEnvironment("AZIOT_PROVISIOND_CONFIG", args.Rooted("/etc/provisiond/config.toml"));
  paths.config.directory =
      FromEnvironment("AZIOT_PROVISIOND_CONFIG_DIR", args.Rooted("/etc/provisiond/config.d"));
  return paths;
}

absl::StatusOr<Config> LoadConfig(const Paths& paths) {
  config::v1::Provisiond message;
  Config config;
  ASSIGN_OR_RETURN(config.warnings, config::Load(paths.config, message));
  const auto& server = message.server();
  config.listen.assign(server.listen().begin(), server.listen().end());
  if (config.listen.empty()) config.listen = {"0.0.0.0:8443"};
  config.names.assign(server.names().begin(), server.names().end());
  if (config.names.empty()) config.names = {"localhost"};
  config.certificate_file = server.certificate_file();
  config.key_file = server.key_file();
  if (config.certificate_file.empty() != config.key_file.empty()) {
    return Bad("server.certificate_file", "certificate_file and key_file go together");
  }
  if (server.has_workers()) config.workers = static_cast<int>(server.workers());
  if (config.workers < 1 || config.workers > 256) return Bad("server.workers", "expected 1 to 256");
  if (server.has_token_days()) {
    if (server.token_days() < 1 || server.token_days() > kMostTokenDays) {
      return Bad("server.token_days", absl::StrCat("expected 1 to ", kMostTokenDays));
    }
    config.longest_token = absl::Hours(24) * server.token_days();
  }
  ASSIGN_OR_RETURN(config.store_path, StorePath(message, paths));

  for (const auto& scope : message.scope()) {
    if (!IsIdScope(scope.id())) return Bad("scope.id", "expected 0ne and at least eight letters or digits");
    config.scopes.push_back(scope.id());
  }
  if (config.scopes.empty()) config.scopes = {std::string(kDefaultScope)};

  for (const auto& hub : message.hub()) {
    if (hub.name().empty() || absl::StrContains(hub.name(), '/') || absl::StrContains(hub.name(), ':')) {
      return Bad("hub.name", "expected a host name, without port");
    }
    config.hubs.push_back({hub.name(), hub.has_weight() ? static_cast<int64_t>(hub.weight()) : 1});
  }
  if (config.hubs.empty()) config.hubs = {{config.names.front(), 1}};
  if (config.hubs.size() > kMostHubs) return Bad("hub", "at most 50 hubs");

  const auto& rates = message.rates();
  if (rates.has_registrations()) config.registrations_per_minute = rates.registrations();
  if (rates.has_polls()) config.polls_per_10s = rates.polls();
  if (rates.has_failed_proofs()) config.failed_proofs_per_minute = rates.failed_proofs();
  config.limits = message.limits();
  config.grpc = !message.has_grpc() || message.grpc();
  return config;
}

}  // namespace aziot::provisiond
