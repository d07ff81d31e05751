#include "provisiond/api/dps/enrollment_json.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/bytes/base64.h"
#include "common/status/status_macros.h"
#include "provisiond/lifecycle/fault.h"
#include "provisiond/lifecycle/key_member.h"
#include "provisiond/lifecycle/names.h"

namespace aziot::provisiond::api::dps {
namespace {

using store::EnrollmentKind;

absl::string_view NameMember(EnrollmentKind kind) {
  return kind == EnrollmentKind::kGroup ? "enrollmentGroupId" : "registrationId";
}

// Service clients send "" for what they do not set.
absl::Status ReadText(const Json& json, absl::string_view name, std::optional<std::string>& out) {
  ASSIGN_OR_RETURN(const auto text, TextMember(json, name));
  if (text && !text->empty()) out = text;
  return absl::OkStatus();
}

absl::Status ReadAttestation(const Json& json, EnrollmentWish& wish) {
  ASSIGN_OR_RETURN(const Json* attestation, ObjectMember(json, "attestation"));
  if (attestation == nullptr) return Refuse(Fault::kInvalid, "member 'attestation' is missing");
  ASSIGN_OR_RETURN(const auto type, TextMember(*attestation, "type"));
  if (type == "none") {
    wish.entry.attestation = "none";
    return absl::OkStatus();
  }
  if (type == "x509" || type == "tpm") {
    return Refuse(Fault::kNotSupported, absl::StrCat("attestation type ", *type, " is not supported yet"));
  }
  if (type != "symmetricKey")
    return Refuse(Fault::kInvalid, "member 'attestation.type' is missing or unknown");
  wish.entry.attestation = "symmetricKey";
  ASSIGN_OR_RETURN(const Json* keys, ObjectMember(*attestation, "symmetricKey"));
  if (keys == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(wish.keys.primary, KeyMember(*keys, "primaryKey"));
  ASSIGN_OR_RETURN(wish.keys.secondary, KeyMember(*keys, "secondaryKey"));
  return absl::OkStatus();
}

absl::Status ReadAllocation(const Json& json, store::Enrollment& entry) {
  RETURN_IF_ERROR(ReadText(json, "iotHubHostName", entry.hub_host));
  ASSIGN_OR_RETURN(const Json* hubs, ArrayMember(json, "iotHubs"));
  if (hubs != nullptr) {
    for (const Json& hub : *hubs) {
      if (!hub.is_string()) return Refuse(Fault::kInvalid, "member 'iotHubs' must hold strings");
    }
    entry.hubs = hubs->dump();
  }
  ASSIGN_OR_RETURN(const auto policy, TextMember(json, "allocationPolicy"));
  entry.allocation_policy = policy.value_or(entry.hub_host ? "static" : "hashed");
  if (entry.allocation_policy == "geoLatency" || entry.allocation_policy == "custom") {
    return Refuse(Fault::kNotSupported,
                  absl::StrCat("allocation policy ", entry.allocation_policy, " is not supported yet"));
  }
  if (entry.allocation_policy != "static" && entry.allocation_policy != "hashed") {
    return Refuse(Fault::kInvalid, "member 'allocationPolicy' is unknown");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> JsonMember(const Json& json, absl::string_view name) {
  ASSIGN_OR_RETURN(const Json* member, ObjectMember(json, name));
  return member == nullptr ? std::nullopt : std::optional(member->dump());
}

absl::Status AddJson(Json& out, const char* name, const std::optional<std::string>& text) {
  if (!text) return absl::OkStatus();
  ASSIGN_OR_RETURN(out[name], ParseJson(*text));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<EnrollmentWish> ParseEnrollment(EnrollmentKind kind, absl::string_view name,
                                               const Json& json) {
  if (!json.is_object()) return Refuse(Fault::kInvalid, "an enrolment must be a JSON object");
  EnrollmentWish wish;
  store::Enrollment& entry = wish.entry;
  ASSIGN_OR_RETURN(const auto own_name, TextMember(json, NameMember(kind)));
  if (!name.empty() && own_name && !absl::EqualsIgnoreCase(*own_name, name)) {
    return Refuse(kind == EnrollmentKind::kGroup ? Fault::kInvalidGroupId : Fault::kInvalidRegistrationId,
                  "The id of the body is not the one of the path.");
  }
  // The body's spelling counts: service clients lower-case the path.
  entry.name = own_name.value_or(std::string(name));
  if (kind == EnrollmentKind::kIndividual) {
    RETURN_IF_ERROR(ReadText(json, "deviceId", entry.device_id));
    if (entry.device_id && !IsDeviceId(*entry.device_id))
      return Refuse(Fault::kInvalid, "Invalid device id.");
  }
  RETURN_IF_ERROR(ReadAttestation(json, wish));
  RETURN_IF_ERROR(ReadAllocation(json, entry));

  ASSIGN_OR_RETURN(const auto status, TextMember(json, "provisioningStatus"));
  if (status && *status != "enabled" && *status != "disabled") {
    return Refuse(Fault::kInvalid, "member 'provisioningStatus' must be enabled or disabled");
  }
  entry.enabled = status != "disabled";
  ASSIGN_OR_RETURN(entry.reprovision, JsonMember(json, "reprovisionPolicy"));
  if (entry.reprovision) {
    ASSIGN_OR_RETURN(const Json policy, ParseObject(*entry.reprovision));
    RETURN_IF_ERROR(BoolMember(policy, "updateHubAssignment").status());
    RETURN_IF_ERROR(BoolMember(policy, "migrateDeviceData").status());
  }
  ASSIGN_OR_RETURN(entry.initial_twin, JsonMember(json, "initialTwin"));
  if (entry.initial_twin) {
    ASSIGN_OR_RETURN(const Json twin, ParseObject(*entry.initial_twin));
    RETURN_IF_ERROR(ObjectMember(twin, "tags").status());
    ASSIGN_OR_RETURN(const Json* properties, ObjectMember(twin, "properties"));
    if (properties != nullptr) RETURN_IF_ERROR(ObjectMember(*properties, "desired").status());
  }
  ASSIGN_OR_RETURN(entry.capabilities, JsonMember(json, "capabilities"));
  Json details = Json::object();
  for (const char* member : {"optionalDeviceInformation", "credentialPolicyName"}) {
    if (const auto found = json.find(member); found != json.end() && !found->is_null())
      details[member] = *found;
  }
  entry.details = details.dump();
  return wish;
}

absl::StatusOr<Json> FormatEnrollment(EnrollmentKind kind, const store::Enrollment& entry) {
  Json json = {{std::string(NameMember(kind)), entry.name},
               {"attestation", {{"type", entry.attestation}}},
               {"etag", entry.etag},
               {"provisioningStatus", entry.enabled ? "enabled" : "disabled"},
               {"allocationPolicy", entry.allocation_policy},
               {"createdDateTimeUtc", FormatTime(entry.created_at)},
               {"lastUpdatedDateTimeUtc", FormatTime(entry.updated_at)}};
  if (entry.attestation == "symmetricKey") json["attestation"]["symmetricKey"] = Json::object();
  if (entry.device_id) json["deviceId"] = *entry.device_id;
  if (entry.hub_host) json["iotHubHostName"] = *entry.hub_host;
  RETURN_IF_ERROR(AddJson(json, "iotHubs", entry.hubs));
  RETURN_IF_ERROR(AddJson(json, "reprovisionPolicy", entry.reprovision));
  RETURN_IF_ERROR(AddJson(json, "initialTwin", entry.initial_twin));
  RETURN_IF_ERROR(AddJson(json, "capabilities", entry.capabilities.value_or(R"({"iotEdge":false})")));
  ASSIGN_OR_RETURN(const Json details, ParseObject(entry.details));
  json.update(details);
  return json;
}

Json FormatAttestation(const KeyPair& keys) {
  return {{"type", "symmetricKey"},
          {"symmetricKey",
           {{"primaryKey", FormatBase64(keys.primary.Expose())},
            {"secondaryKey", FormatBase64(keys.secondary.Expose())}}}};
}

}  // namespace aziot::provisiond::api::dps
