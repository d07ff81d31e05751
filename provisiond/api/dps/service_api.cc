#include "provisiond/api/dps/service_api.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "provisiond/api/dps/dps_error.h"
#include "provisiond/api/dps/enrollment_json.h"
#include "provisiond/api/family.h"
#include "provisiond/lifecycle/fault.h"
#include "provisiond/lifecycle/query.h"
#include "provisiond/lifecycle/registration_state.h"

namespace aziot::provisiond::api::dps {
namespace {

using store::EnrollmentKind;

constexpr absl::string_view kApiVersions[] = {"2018-04-01", "2019-03-31", "2021-10-01", "2025-07-01-preview"};
constexpr size_t kMostInBulk = 10;

// Whom failed proofs are counted under; no registration id has a space.
constexpr absl::string_view kServiceProofs = "dps service";

absl::Status WrongMethod() { return Refuse(Fault::kMethodNotAllowed, "The method is not allowed here."); }

absl::string_view ListMember(EnrollmentKind kind) {
  return kind == EnrollmentKind::kGroup ? "enrollmentGroups" : "enrollments";
}
const char* NameMember(EnrollmentKind kind) {
  return kind == EnrollmentKind::kGroup ? "enrollmentGroupId" : "registrationId";
}

// A condition that few match must not hold a worker for as long as the list is long.
constexpr int64_t kAtOnce = 1000;
constexpr int64_t kMostLookedAt = 20000;

absl::StatusOr<Query> ReadQuery(const Call& call, absl::string_view list) {
  RETURN_IF_ERROR(CheckBody(call, kLargestJson));
  ASSIGN_OR_RETURN(const Json body, ParseObject(call.body));
  ASSIGN_OR_RETURN(const auto text, TextMember(body, "query"));
  ASSIGN_OR_RETURN(Query query, Query::Parse(text.value_or("*")));
  if (query.counts() || (!query.source().empty() && query.source() != absl::AsciiStrToLower(list))) {
    return Refuse(Fault::kInvalid, absl::StrCat("only SELECT * FROM ", list, " is answered here"));
  }
  return query;
}

bool IsBulkMode(absl::string_view word) {
  return word == "create" || word == "update" || word == "updateIfMatchETag" || word == "delete";
}

}  // namespace

bool ServiceApi::Owns(const Call& call) {
  const std::string family = call.Word(0);
  return family == "enrollments" || family == "enrollmentgroups" || family == "registrations";
}

absl::StatusOr<http::Response> ServiceApi::Handle(const Call& call) {
  const std::string version = call.ApiVersion();
  if (std::find(std::begin(kApiVersions), std::end(kApiVersions), version) == std::end(kApiVersions)) {
    return Refuse(Fault::kInvalid,
                  version.empty() ? "The api-version is missing." : "The api-version is not supported.");
  }
  const std::string family = call.Word(0);
  if (family == "registrations") return Registrations(call);
  return Entries(call, family == "enrollments" ? EnrollmentKind::kIndividual : EnrollmentKind::kGroup);
}

absl::StatusOr<Actor> ServiceApi::Authorize(const Call& call, absl::string_view permission) {
  ASSIGN_OR_RETURN(const auth::SasToken token, proofs_.TokenOf(call, kServiceProofs));
  std::vector<std::string> resource = {call.host};
  resource.insert(resource.end(), call.path.begin(), call.path.end());
  const absl::Status status = policies_.Check("dps", token, {resource}, permission);
  if (absl::IsUnauthenticated(status)) {
    return proofs_.Note(call, kServiceProofs, Refuse(Fault::kUnauthorized, status.message()));
  }
  if (absl::IsPermissionDenied(status)) {
    return proofs_.Note(call, kServiceProofs, Refuse(Fault::kForbidden, status.message()));
  }
  RETURN_IF_ERROR(status);
  return Actor{absl::StrCat("policy ", token.key_name, " @ ", call.peer), call.request_id};
}

absl::StatusOr<http::Response> ServiceApi::Entries(const Call& call, EnrollmentKind kind) {
  if (call.path.size() == 1) return call.method == "POST" ? Bulk(call, kind) : WrongMethod();
  const std::string& name = call.path[1];
  if (call.path.size() == 2 && call.method == "POST" && call.Word(1) == "query") return RunQuery(call, kind);
  if (call.path.size() == 2) return OneEntry(call, kind, name);
  if (call.path.size() == 3 && call.Word(2) == "attestationmechanism") {
    if (call.method != "POST") return WrongMethod();
    ASSIGN_OR_RETURN(const Actor actor, Authorize(call, "EnrollmentWrite"));
    ASSIGN_OR_RETURN(const store::Enrollment entry, enrollments_.Get(kind, name));
    if (entry.attestation != "symmetricKey") return JsonResponse(200, {{"type", entry.attestation}});
    ASSIGN_OR_RETURN(const KeyPair keys, enrollments_.ReleaseKeys(kind, entry, actor));
    return JsonResponse(200, FormatAttestation(keys));
  }
  return Refuse(Fault::kNoRoute, "No such resource.");
}

absl::StatusOr<Json> ServiceApi::EntryWithState(EnrollmentKind kind, const store::Enrollment& entry) {
  ASSIGN_OR_RETURN(Json json, FormatEnrollment(kind, entry));
  if (kind == EnrollmentKind::kGroup) return json;
  const absl::StatusOr<store::Registration> registration = enrollments_.GetRegistration(entry.name);
  if (FaultOf(registration.status()) == Fault::kRegistrationNotFound) return json;
  RETURN_IF_ERROR(registration.status());
  json["registrationState"] = RegistrationState(*registration, hubs_);
  AddPort(json["registrationState"], hubs_);
  return json;
}

absl::StatusOr<http::Response> ServiceApi::OneEntry(const Call& call, EnrollmentKind kind,
                                                    const std::string& name) {
  if (call.method == "GET") {
    RETURN_IF_ERROR(Authorize(call, "EnrollmentRead").status());
    ASSIGN_OR_RETURN(const store::Enrollment entry, enrollments_.Get(kind, name));
    ASSIGN_OR_RETURN(const Json json, EntryWithState(kind, entry));
    return JsonResponse(200, json);
  }
  if (call.method == "PUT") {
    ASSIGN_OR_RETURN(const Actor actor, Authorize(call, "EnrollmentWrite"));
    RETURN_IF_ERROR(CheckBody(call, kLargestJson));
    ASSIGN_OR_RETURN(const Json body, ParseObject(call.body));
    ASSIGN_OR_RETURN(EnrollmentWish wish, ParseEnrollment(kind, name, body));
    ASSIGN_OR_RETURN(
        const store::Enrollment entry,
        enrollments_.Put(kind, std::move(wish), PutMode::kCreateOrUpdate, call.IfMatch(), actor));
    ASSIGN_OR_RETURN(Json json, EntryWithState(kind, entry));
    if (entry.attestation == "symmetricKey") {
      // Who may write an entry may read its keys, and generated ones are wanted at once.
      ASSIGN_OR_RETURN(const KeyPair keys, enrollments_.KeysOf(kind, entry));
      json["attestation"] = FormatAttestation(keys);
    }
    return JsonResponse(200, json);
  }
  if (call.method == "DELETE") {
    ASSIGN_OR_RETURN(const Actor actor, Authorize(call, "EnrollmentWrite"));
    RETURN_IF_ERROR(enrollments_.Delete(kind, name, call.IfMatch(), actor));
    return NoContent();
  }
  return WrongMethod();
}

absl::StatusOr<http::Response> ServiceApi::Bulk(const Call& call, EnrollmentKind kind) {
  ASSIGN_OR_RETURN(const Actor actor, Authorize(call, "EnrollmentWrite"));
  RETURN_IF_ERROR(CheckBody(call, kLargestJson));
  ASSIGN_OR_RETURN(const Json body, ParseObject(call.body));
  ASSIGN_OR_RETURN(const auto mode, TextMember(body, "mode"));
  ASSIGN_OR_RETURN(const Json* entries, ArrayMember(body, ListMember(kind)));
  if (!mode || entries == nullptr)
    return Refuse(Fault::kInvalid, "members 'mode' and the entries must be there");
  if (!IsBulkMode(*mode)) {
    return Refuse(Fault::kInvalid, "member 'mode' must be create, update, updateIfMatchETag or delete");
  }
  if (entries->size() > kMostInBulk)
    return Refuse(Fault::kTooMany, absl::StrCat("at most ", kMostInBulk, " entries"));

  const auto run = [&](const Json& item) -> absl::Status {
    if (!item.is_object()) return Refuse(Fault::kInvalid, "an entry must be a JSON object");
    ASSIGN_OR_RETURN(const auto etag, TextMember(item, "etag"));
    if (*mode == "delete") {
      ASSIGN_OR_RETURN(const auto name, TextMember(item, NameMember(kind)));
      return enrollments_.Delete(kind, name.value_or(""), std::nullopt, actor);
    }
    const PutMode put = *mode == "create" ? PutMode::kCreate : PutMode::kUpdate;
    ASSIGN_OR_RETURN(EnrollmentWish wish, ParseEnrollment(kind, "", item));
    const IfMatch if_match = *mode == "updateIfMatchETag" ? IfMatch(etag.value_or("")) : std::nullopt;
    return enrollments_.Put(kind, std::move(wish), put, if_match, actor).status();
  };
  Json errors = Json::array();
  absl::flat_hash_set<std::string> seen;
  for (const Json& item : *entries) {
    const auto name_member =
        item.is_object() ? TextMember(item, NameMember(kind)) : std::optional<std::string>();
    const std::string name = name_member.ok() ? name_member->value_or("") : "";
    const bool first = name.empty() || seen.insert(absl::AsciiStrToLower(name)).second;
    const absl::Status status =
        first ? run(item) : Refuse(Fault::kRepeatedId, "The id stands in the list more than once.");
    if (status.ok()) continue;
    errors.push_back({{NameMember(kind), name},
                      {"errorCode", ErrorCode(status)},
                      {"errorStatus", FaultOf(status) ? std::string(status.message()) : "Internal error"}});
  }
  return JsonResponse(200, {{"isSuccessful", errors.empty()}, {"errors", errors}});
}

absl::StatusOr<http::Response> ServiceApi::RunQuery(const Call& call, EnrollmentKind kind) {
  RETURN_IF_ERROR(Authorize(call, "EnrollmentRead").status());
  ASSIGN_OR_RETURN(const Query query, ReadQuery(call, ListMember(kind)));
  ASSIGN_OR_RETURN(const int64_t size, PageSize(call.headers.Find("x-ms-max-item-count")));
  ASSIGN_OR_RETURN(std::string after, ContinuationOf(call));
  const int64_t chunk = query.has_condition() ? kAtOnce : size;
  Json list = Json::array();
  bool more = true;
  for (int64_t looked_at = 0; more && looked_at < kMostLookedAt && list.size() < static_cast<size_t>(size);) {
    ASSIGN_OR_RETURN(const std::vector<store::Enrollment> entries, enrollments_.List(kind, after, chunk));
    size_t done = 0;
    for (; done < entries.size() && list.size() < static_cast<size_t>(size); ++done) {
      ASSIGN_OR_RETURN(Json json, EntryWithState(kind, entries[done]));
      if (query.Matches(json)) list.push_back(std::move(json));
    }
    if (done > 0) after = absl::AsciiStrToLower(entries[done - 1].name);
    more = done < entries.size() || static_cast<int64_t>(entries.size()) == chunk;
    looked_at += static_cast<int64_t>(entries.size());
  }
  http::Response response = JsonResponse(200, list);
  AddPaging(response, more ? after : "", list.size(),
            kind == EnrollmentKind::kGroup ? "enrollmentGroup" : "enrollment");
  return response;
}

absl::StatusOr<http::Response> ServiceApi::Registrations(const Call& call) {
  if (call.path.size() == 3 && call.Word(2) == "query") {
    if (call.method != "POST") return WrongMethod();
    RETURN_IF_ERROR(Authorize(call, "RegistrationStatusRead").status());
    ASSIGN_OR_RETURN(const int64_t size, PageSize(call.headers.Find("x-ms-max-item-count")));
    ASSIGN_OR_RETURN(const std::string after, ContinuationOf(call));
    ASSIGN_OR_RETURN(const auto registrations, enrollments_.ListRegistrations(call.path[1], after, size));
    Json list = Json::array();
    for (const store::Registration& registration : registrations) {
      list.push_back(RegistrationState(registration, hubs_));
      AddPort(list.back(), hubs_);
    }
    http::Response response = JsonResponse(200, list);
    const bool more = static_cast<int64_t>(registrations.size()) == size;
    AddPaging(response, more ? registrations.back().registration_id : "", registrations.size(),
              "deviceRegistration");
    return response;
  }
  if (call.path.size() != 2) return Refuse(Fault::kNoRoute, "No such resource.");
  if (call.method == "GET") {
    RETURN_IF_ERROR(Authorize(call, "RegistrationStatusRead").status());
    ASSIGN_OR_RETURN(const store::Registration registration, enrollments_.GetRegistration(call.path[1]));
    Json state = RegistrationState(registration, hubs_);
    AddPort(state, hubs_);
    return JsonResponse(200, state);
  }
  if (call.method == "DELETE") {
    ASSIGN_OR_RETURN(const Actor actor, Authorize(call, "RegistrationStatusWrite"));
    RETURN_IF_ERROR(enrollments_.DeleteRegistration(call.path[1], call.IfMatch(), actor));
    return NoContent();
  }
  return WrongMethod();
}

}  // namespace aziot::provisiond::api::dps
