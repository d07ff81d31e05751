#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "aziotctl/checks/checks.h"
#include "aziotctl/checks/context.h"
#include "aziotctl/checks/tls_handshake.h"
#include "common/https/client.h"

namespace aziot::ctl {
namespace {

constexpr uint32_t kDefaultLimitSeconds = 70;

enum class Way { kDirect, kByProxy };

// HOST or HOST:PORT, the host of an IPv6 address in brackets.
TlsPeer PeerOf(absl::string_view authority, uint16_t standard_port) {
  TlsPeer peer{std::string(authority), standard_port, ""};
  const size_t colon = authority.rfind(':');
  uint32_t port = 0;
  if (colon != absl::string_view::npos && !absl::EndsWith(authority, "]") &&
      absl::SimpleAtoi(authority.substr(colon + 1), &port) && port <= 0xFFFF) {
    peer.host = std::string(authority.substr(0, colon));
    peer.port = static_cast<uint16_t>(port);
  }
  return peer;
}

Result Connect(const CheckContext& context, const TlsPeer& peer) {
  const bool configured = context.identityd.has_value() && context.identityd->has_cloud_timeout_sec();
  const uint32_t limit = configured ? context.identityd->cloud_timeout_sec() : kDefaultLimitSeconds;
  const absl::Status done = TryTlsHandshake(peer, absl::Seconds(limit));
  if (done.ok()) return Result::Ok();
  if (absl::IsDeadlineExceeded(done)) {
    return Result::Error(
        absl::StrCat("Failed to do TLS Handshake, Connection Attempt Timed out in ", limit, " Seconds"));
  }
  return Result::Error(absl::StrCat("Could not connect to ", peer.host, ":", peer.port), done.message());
}

void SetProxy(const CheckContext& context, nlohmann::json& info) {
  if (!context.proxy_uri.empty()) info["proxy"] = https::ProxySettings{context.proxy_uri, ""}.Redacted();
}

// `port` is the protocol's. A hub whose name carries a port, as those of provisiond may, takes HTTPS there.
Result ConnectHub(const CheckContext& context, nlohmann::json& info, uint16_t port, Way way) {
  std::string hub = context.iothub_hostname;
  if (hub.empty()) {
    if (!context.identityd.has_value()) return Result::Skipped();
    const std::string& source = context.identityd->provisioning().source();
    const std::string parent = context.Parent();
    if (source == "none" || (source == "dps" && !parent.empty())) return Result::Ignored();
    hub = parent.empty() ? context.AssignedHub() : parent;
  }
  if (hub.empty()) {
    return Result::Warning(
        "The device is not provisioned yet, so that its hub is not known. Use --iothub-hostname to name it.");
  }
  TlsPeer peer = PeerOf(hub, port);
  if (port != kHttpsPort) peer.port = port;
  if (way == Way::kByProxy) {
    peer.proxy = context.proxy_uri;
    SetProxy(context, info);
  }
  info["iothub_hostname"] = hub;
  info["port_number"] = peer.port;
  return Connect(context, peer);
}

}  // namespace

Result ConnectHubAmqp(CheckContext& context, nlohmann::json& info) {
  return ConnectHub(context, info, kAmqpPort, Way::kDirect);
}
Result ConnectHubHttps(CheckContext& context, nlohmann::json& info) {
  return ConnectHub(context, info, kHttpsPort, Way::kByProxy);
}
Result ConnectHubMqtt(CheckContext& context, nlohmann::json& info) {
  return ConnectHub(context, info, kMqttPort, Way::kDirect);
}

Result ConnectDps(CheckContext& context, nlohmann::json& info) {
  if (!context.identityd.has_value()) return Result::Skipped();
  const config::v1::Provisioning& provisioning = context.identityd->provisioning();
  if (provisioning.source() != "dps") return Result::Ignored();
  const std::string& endpoint = provisioning.global_endpoint();
  info["dps_endpoint"] = endpoint;
  SetProxy(context, info);
  const size_t scheme = endpoint.find("://");
  if (scheme == std::string::npos) return Result::Error(absl::StrCat(endpoint, " is no URL"));
  const absl::string_view rest = absl::string_view(endpoint).substr(scheme + 3);
  TlsPeer peer = PeerOf(rest.substr(0, rest.find_first_of("/?#")), kHttpsPort);
  info["dps_hostname"] = peer.host;
  if (absl::StartsWithIgnoreCase(endpoint, "http://")) {
    return Result::Warning(
        absl::StrCat(endpoint, " is not reached over TLS; only test servers are called that way"));
  }
  peer.proxy = context.proxy_uri;
  return Connect(context, peer);
}

}  // namespace aziot::ctl
