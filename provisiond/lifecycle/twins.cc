#include "provisiond/lifecycle/twins.h"

#include "common/status/status_macros.h"
#include "provisiond/audit/audit_log.h"
#include "provisiond/lifecycle/fault.h"
#include "provisiond/store/row_id.h"

namespace aziot::provisiond {
namespace {

constexpr size_t kLargestTwin = 64 * 1024;

absl::Status Merge(TwinChange how, Json change, std::string& section) {
  // Clients send back whole documents: what the service adds is not theirs to set.
  change.erase("$metadata");
  change.erase("$version");
  Json value = Json::object();
  if (how == TwinChange::kPatch) {
    ASSIGN_OR_RETURN(value, ParseObject(section));
  }
  value.merge_patch(change);
  section = value.dump();
  if (section.size() > kLargestTwin) return Refuse(Fault::kTooLarge, "a twin section has at most 64 KiB");
  // Depth grows with every patch only as far as one document may be deep.
  return ParseObject(section).status();
}

absl::StatusOr<store::Twin> ChangeTwin(store::Session& session, absl::string_view owner, TwinChange how,
                                       const Json& change, const IfMatch& if_match, absl::Time now) {
  ASSIGN_OR_RETURN(const Json* tags, ObjectMember(change, "tags"));
  ASSIGN_OR_RETURN(const Json* properties, ObjectMember(change, "properties"));
  const Json* desired = nullptr;
  if (properties != nullptr) {
    ASSIGN_OR_RETURN(desired, ObjectMember(*properties, "desired"));
  }
  ASSIGN_OR_RETURN(store::Twin twin, store::GetTwin(session, owner));
  RETURN_IF_ERROR(CheckEtag(if_match, twin.etag));
  if (tags != nullptr) RETURN_IF_ERROR(Merge(how, *tags, twin.tags));
  if (desired != nullptr) {
    RETURN_IF_ERROR(Merge(how, *desired, twin.desired));
    ++twin.desired_version;
  }
  ++twin.version;
  twin.etag = store::NewEtag();
  twin.updated_at = absl::ToUnixMicros(now);
  RETURN_IF_ERROR(store::PutTwin(session, owner, twin));
  return twin;
}

}  // namespace

absl::Status MergeTwin(store::Session& session, absl::string_view owner, const Json& change, absl::Time now) {
  return ChangeTwin(session, owner, TwinChange::kPatch, change, std::nullopt, now).status();
}

absl::StatusOr<store::Twin> Twins::Get(absl::string_view owner) {
  store::Twin twin;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(twin, store::GetTwin(session, owner));
    return absl::OkStatus();
  }));
  return twin;
}

absl::StatusOr<store::Twin> Twins::Change(absl::string_view owner, TwinChange how, const Json& change,
                                          const IfMatch& if_match, absl::string_view target,
                                          const Actor& actor) {
  store::Twin twin;
  RETURN_IF_ERROR(database_.Write([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(const bool there, store::HasTwin(session, owner));
    if (!there) return Refuse(Fault::kDeviceNotFound, "The device or module was deleted meanwhile.");
    ASSIGN_OR_RETURN(twin, ChangeTwin(session, owner, how, change, if_match, clock_.Now()));
    audit::Line line;
    line.time = clock_.Now();
    line.actor = actor.who;
    line.action = "twin.update";
    line.target = std::string(target);
    line.request_id = actor.request_id;
    return audit::Append(session, line);
  }));
  return twin;
}

}  // namespace aziot::provisiond
