#include "absl/strings/str_cat.h"
#include "aziotctl/checks/checks.h"
#include "common/https/client.h"

namespace aziot::ctl {
namespace {

constexpr uint32_t kDefaultLimitSeconds = 70;
constexpr int kHttpsPort = 443;

// Any HTTP answer means that the connection and the handshake worked.
Result Connect(const CheckContext& context, const std::string& url) {
  const uint32_t limit = context.identityd->has_cloud_timeout_sec() ? context.identityd->cloud_timeout_sec()
                                                                    : kDefaultLimitSeconds;
  https::Client client(
      {.proxy = {.url = context.proxy_uri, .no_proxy = ""}, .timeout = absl::Seconds(limit), .retries = 0},
      Clock::System());
  const auto answer = client.Send({.make = [&](absl::Duration) -> absl::StatusOr<http::Request> {
                                     return http::Request{.method = "GET", .target = url};
                                   },
                                   .retry = false});
  if (answer.ok()) return Result::Ok();
  if (absl::IsDeadlineExceeded(answer.status())) {
    return Result::Error(
        absl::StrCat("Failed to do TLS Handshake, Connection Attempt Timed out in ", limit, " Seconds"));
  }
  return Result::Error(absl::StrCat("Could not connect to ", url), std::string(answer.status().message()));
}

nlohmann::json TextOrNull(const std::string& text) {
  return text.empty() ? nlohmann::json(nullptr) : nlohmann::json(text);
}

}  // namespace

Result ConnectHubHttps(CheckContext& context, nlohmann::json& info) {
  info = {
      {"port_number", kHttpsPort}, {"iothub_hostname", nullptr}, {"proxy", TextOrNull(context.proxy_uri)}};
  if (!context.identityd.has_value()) return Result::Skipped();
  const std::string hub = context.HubName();
  info["iothub_hostname"] = TextOrNull(hub);
  if (hub.empty()) {
    if (context.identityd->provisioning().source() == "none") return Result::Ignored();
    return Result::Warning("The hub is not known yet. Give its name with --iothub-hostname.");
  }
  return Connect(context, absl::StrCat("https://", hub, "/"));
}

Result ConnectDps(CheckContext& context, nlohmann::json& info) {
  info = {{"dps_endpoint", nullptr}, {"dps_hostname", nullptr}, {"proxy", TextOrNull(context.proxy_uri)}};
  if (!context.identityd.has_value()) return Result::Skipped();
  const config::v1::Provisioning& provisioning = context.identityd->provisioning();
  if (provisioning.source() != "dps") return Result::Ignored();
  const std::string& endpoint = provisioning.global_endpoint();
  info["dps_endpoint"] = endpoint;
  const size_t host = endpoint.find("://");
  if (host != std::string::npos) {
    info["dps_hostname"] = endpoint.substr(host + 3, endpoint.find_first_of(":/", host + 3) - host - 3);
  }
  return Connect(context, endpoint);
}

}  // namespace aziot::ctl
