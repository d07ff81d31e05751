// For tests: everything of provisiond that stands between an HTTPS request and the store, on a store and a
// clock of the test's own; and a client's side of the proofs.
#pragma once

#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/bytes/base64.h"
#include "common/http/target.h"
#include "common/openssl/digest.h"
#include "common/testing/manual_clock.h"
#include "common/testing/temp_dir.h"
#include "provisiond/api/router.h"
#include "provisiond/store/sqlite/sqlite_database.h"

namespace aziot::provisiond {

constexpr absl::string_view kScope = "0ne00000001";

inline std::string Mac(BytesView key, absl::string_view resource, absl::string_view expiry) {
  const std::string text = absl::StrCat(resource, "\n", expiry);
  return http::PercentEncode(FormatBase64(BytesView(openssl::HmacSha256(key, ToBytesView(text)))));
}

// `resource` goes into the token as it stands.
inline std::string Token(absl::string_view base64_key, absl::string_view resource, int64_t expiry,
                         absl::string_view key_name = "") {
  const std::string se = absl::StrCat(expiry);
  return absl::StrCat("SharedAccessSignature sr=", resource,
                      "&sig=", Mac(*ParseBase64(base64_key), resource, se), "&se=", se,
                      key_name.empty() ? "" : "&skn=", key_name);
}

// The parts over one directory; made anew over the same directory they are the next start of the daemon.
class Cloud {
 public:
  explicit Cloud(const std::string& directory, std::vector<Hubs::Configured> configured = {{"localhost", 1}})
      : database(*store::OpenSqlite(directory + "/p.db")),
        vault(*store::Vault::Load(directory + "/p.db.key")),
        hubs(*Hubs::Sync(*database, configured, 1)),
        policies(*database, vault),
        registry(*database, vault, clock),
        enrollments(*database, vault, clock),
        registrar(*database, vault, *hubs, clock),
        twins(*database, clock),
        telemetry(*database, clock),
        proofs(20, absl::Hours(24 * 365), *database, clock),
        dps_devices(registrar, enrollments, *hubs, {std::string(kScope)}, proofs, {1000, 5}, clock),
        dps_service(enrollments, *hubs, policies, proofs),
        access(registry, policies, proofs),
        hub(registry, twins, telemetry, *hubs, access),
        router(dps_devices, dps_service, hub, *hubs, metrics, clock) {
    policies.MakeDefaults().IgnoreError();
    hubs->SetPort(8443);
  }

  int64_t In(int64_t seconds) const { return absl::ToUnixSeconds(clock.Now()) + seconds; }

  std::string PolicyToken(absl::string_view policy, absl::string_view resource = "localhost") {
    return Token(FormatBase64(policies.PrimaryKey(policy)->Expose()), resource, In(600), policy);
  }
  std::string DeviceToken(absl::string_view base64_key, absl::string_view device_id) {
    return Token(base64_key, absl::StrCat("localhost%2Fdevices%2F", device_id), In(600));
  }
  std::string RegistrationToken(absl::string_view base64_key, absl::string_view registration_id) {
    return Token(base64_key, absl::StrCat(kScope, "%2Fregistrations%2F", registration_id), In(600),
                 "registration");
  }

  http::Response Send(absl::string_view method, absl::string_view target, absl::string_view token,
                      absl::string_view body = "", absl::string_view if_match = "",
                      absl::string_view host = "localhost:8443") {
    http::Request request;
    request.method = std::string(method);
    request.target = std::string(target);
    request.headers.Add("Host", host);
    if (!token.empty()) request.headers.Add("Authorization", token);
    if (!if_match.empty()) request.headers.Add("If-Match", if_match);
    request.body = std::string(body);
    return router.Handle(request, "192.0.2.7");
  }

  // Registers and polls; the final answer's JSON, or the refusal's.
  Json Provision(absl::string_view registration_id, absl::string_view base64_key,
                 absl::string_view api_version = "2021-06-01") {
    const std::string token = RegistrationToken(base64_key, registration_id);
    const std::string base = absl::StrCat("/", kScope, "/registrations/", registration_id);
    const http::Response registered =
        Send("PUT", absl::StrCat(base, "/register?api-version=", api_version), token,
             Json{{"registrationId", std::string(registration_id)}}.dump());
    Json answer = Json::parse(registered.body);
    if (registered.status != 202) return answer;
    const std::string operation = answer["operationId"];
    const http::Response polled =
        Send("GET", absl::StrCat(base, "/operations/", operation, "?api-version=", api_version), token, "{}");
    return Json::parse(polled.body);
  }

  testing::ManualClock clock;
  metrics::Registry metrics;
  std::unique_ptr<store::Database> database;
  store::Vault vault;
  std::unique_ptr<Hubs> hubs;
  auth::AccessPolicies policies;
  Registry registry;
  Enrollments enrollments;
  Registrar registrar;
  Twins twins;
  Telemetry telemetry;
  api::Proofs proofs;
  api::dps::DeviceApi dps_devices;
  api::dps::ServiceApi dps_service;
  api::hub::HubAccess access;
  api::hub::HubApi hub;
  api::Router router;
};

}  // namespace aziot::provisiond
