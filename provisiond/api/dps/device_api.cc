#include "provisiond/api/dps/device_api.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/http/target.h"
#include "common/status/status_macros.h"
#include "provisiond/api/family.h"
#include "provisiond/lifecycle/fault.h"
#include "provisiond/lifecycle/names.h"
#include "provisiond/lifecycle/registration_state.h"

namespace aziot::provisiond::api::dps {
namespace {

constexpr absl::string_view kApiVersions[] = {"2017-08-31-preview", "2017-11-15", "2018-04-01",
                                              "2018-09-01-preview", "2018-11-01", "2019-03-31",
                                              "2021-06-01",         "2021-10-01", "2025-07-01-preview"};
constexpr absl::string_view kOldestPreview = "2017-08-31-preview";
constexpr absl::string_view kLastSticky = "2018-04-01";

// Assignment is done when register answers: a device that asks again at once finds the result.
constexpr absl::string_view kRetryAfter = "1";

absl::Status NotYet(absl::string_view what) {
  return Refuse(Fault::kNotSupported, absl::StrCat(what, " is not supported yet"));
}

// The name of the member that holds the state.
std::string StateMember(const Call& call) {
  return call.ApiVersion() == kOldestPreview ? "registrationStatus" : "registrationState";
}

// The body names the registration again; absent counts as the same.
absl::StatusOr<Json> ReadBody(const Call& call, const std::string& registration_id) {
  RETURN_IF_ERROR(CheckBody(call, kLargestDpsMessage));
  ASSIGN_OR_RETURN(Json body, ParseObject(call.body));
  ASSIGN_OR_RETURN(const auto id, TextMember(body, "registrationId"));
  if (id && !absl::EqualsIgnoreCase(*id, registration_id)) {
    return Refuse(Fault::kInvalidRegistrationId,
                  "The registration id of the body is not the one of the path.");
  }
  return body;
}

}  // namespace

DeviceApi::DeviceApi(Registrar& registrar, Enrollments& enrollments, const Hubs& hubs,
                     std::vector<std::string> scopes, Proofs& proofs, Rates rates, Clock& clock)
    : registrar_(registrar),
      enrollments_(enrollments),
      hubs_(hubs),
      scopes_(std::move(scopes)),
      proofs_(proofs),
      registrations_(rates.registrations_per_minute, absl::Minutes(1), clock),
      polls_(rates.polls_per_10s, absl::Seconds(10), clock) {}

bool DeviceApi::Owns(const Call& call) { return IsIdScope(call.path[0]); }

absl::StatusOr<http::Response> DeviceApi::Handle(const Call& call) {
  const bool known_scope = std::any_of(scopes_.begin(), scopes_.end(), [&](const std::string& scope) {
    return absl::EqualsIgnoreCase(scope, call.path[0]);
  });
  // As for ids: whether a scope exists is not told to who proves nothing.
  if (!known_scope) return Refuse(Fault::kUnauthorized, "unknown id scope");
  if (call.path.size() < 3 || call.Word(1) != "registrations")
    return Refuse(Fault::kNoRoute, "No such resource.");
  const std::string version = call.ApiVersion();
  if (std::find(std::begin(kApiVersions), std::end(kApiVersions), version) == std::end(kApiVersions)) {
    return Refuse(Fault::kInvalid,
                  version.empty() ? "The api-version is missing." : "The api-version is not supported.");
  }
  const std::string& id = call.path[2];
  if (!IsRegistrationId(id)) return Refuse(Fault::kInvalidRegistrationId, "Invalid registration id.");

  if (call.path.size() == 3) {
    return call.method == "POST" ? LookUp(call, id)
                                 : Refuse(Fault::kMethodNotAllowed, "Only POST is allowed here.");
  }
  if (call.path.size() == 4 && call.Word(3) == "register") {
    return call.method == "PUT" ? Register(call, id)
                                : Refuse(Fault::kMethodNotAllowed, "Only PUT is allowed here.");
  }
  if (call.path.size() == 5 && call.Word(3) == "operations") {
    return call.method == "GET" ? Poll(call, id)
                                : Refuse(Fault::kMethodNotAllowed, "Only GET is allowed here.");
  }
  return Refuse(Fault::kNoRoute, "No such resource.");
}

absl::StatusOr<auth::SasToken> DeviceApi::Prove(const Call& call, const std::string& registration_id) {
  ASSIGN_OR_RETURN(auth::SasToken token, proofs_.TokenOf(call, registration_id));
  const std::vector<std::string> resource = {call.path[0], "registrations", registration_id};
  if (token.key_name != "registration" || !auth::Covers(token, resource, auth::Scope::kExact)) {
    return proofs_.Note(call, registration_id,
                        Refuse(Fault::kUnauthorized, "the token is for another resource or key"));
  }
  return token;
}

absl::StatusOr<http::Response> DeviceApi::Register(const Call& call, const std::string& registration_id) {
  ASSIGN_OR_RETURN(const Json body, ReadBody(call, registration_id));
  if (call.headers.Find("Authorization") == nullptr) {
    if (body.contains("tpm")) return NotYet("TPM attestation");
    // A client certificate alone, or nothing at all: either way no proof that is known here.
    return proofs_.Note(call, registration_id, Refuse(Fault::kUnauthorized, "no token"));
  }
  if (body.contains("csr")) return NotYet("certificate issuance (csr)");
  // Only admitted devices are counted: whoever proves nothing must not use up the turns of those who can.
  const std::string scope = absl::AsciiStrToLower(call.path[0]);
  if (const auto wait = registrations_.Check(scope)) return Throttled(*wait);

  Registrar::Request request;
  request.registration_id = registration_id;
  ASSIGN_OR_RETURN(request.token, Prove(call, registration_id));
  request.sticky = call.ApiVersion() <= kLastSticky;
  if (const auto payload = body.find("payload"); payload != body.end()) request.payload = payload->dump();

  const Actor actor{absl::StrCat("registration ", registration_id, " @ ", call.peer), call.request_id};
  const absl::StatusOr<store::Operation> operation = registrar_.Register(request, actor);
  if (!operation.ok()) return proofs_.Note(call, registration_id, operation.status());
  registrations_.Take(scope);

  http::Response response =
      JsonResponse(202, {{"operationId", operation->operation_id}, {"status", "assigning"}});
  const absl::string_view host = call.headers.Get("Host");
  response.headers.Add("Location", absl::StrCat("https://", host.empty() ? "localhost" : host, "/",
                                                http::PercentEncode(call.path[0]), "/registrations/",
                                                http::PercentEncode(registration_id), "/operations/",
                                                operation->operation_id, "?api-version=", call.ApiVersion()));
  response.headers.Add("Retry-After", kRetryAfter);
  return response;
}

absl::StatusOr<http::Response> DeviceApi::Poll(const Call& call, const std::string& registration_id) {
  ASSIGN_OR_RETURN(const auth::SasToken token, Prove(call, registration_id));
  const auto admission = registrar_.Admit(registration_id, token);
  if (!admission.ok()) return proofs_.Note(call, registration_id, admission.status());
  if (const auto wait = polls_.Take(absl::AsciiStrToLower(registration_id))) return Throttled(*wait);
  ASSIGN_OR_RETURN(const store::Operation operation, registrar_.GetOperation(registration_id, call.path[4]));
  ASSIGN_OR_RETURN(Json state, ParseObject(operation.result));
  AddPort(state, hubs_);
  return JsonResponse(200, {{"operationId", operation.operation_id},
                            {"status", operation.state},
                            {StateMember(call), std::move(state)}});
}

absl::StatusOr<http::Response> DeviceApi::LookUp(const Call& call, const std::string& registration_id) {
  ASSIGN_OR_RETURN(const Json body, ReadBody(call, registration_id));
  if (body.contains("csr")) return Refuse(Fault::kInvalid, "A lookup carries no csr.");
  ASSIGN_OR_RETURN(const auth::SasToken token, Prove(call, registration_id));
  const auto admission = registrar_.Admit(registration_id, token);
  if (!admission.ok()) return proofs_.Note(call, registration_id, admission.status());
  ASSIGN_OR_RETURN(const store::Registration registration, enrollments_.GetRegistration(registration_id));
  Json state = RegistrationState(registration, hubs_);
  if (admission->blocked) state["status"] = "disabled";
  AddPort(state, hubs_);
  return JsonResponse(200, state);
}

}  // namespace aziot::provisiond::api::dps
