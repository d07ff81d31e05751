#include "identityd/principals/principals.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace aziot::identityd {
namespace {

absl::Status CheckRules(const Principal& principal, Principals::Surroundings surroundings) {
  if (!principal.idtypes) return absl::OkStatus();
  const std::string invalid = absl::StrCat("invalid config for ", principal.name, ": ");
  if (principal.idtypes->local && !surroundings.has_localid) {
    return absl::InvalidArgumentError(absl::StrCat(invalid, "local id type requires localid config"));
  }
  if (!principal.idtypes->local && principal.local) {
    return absl::InvalidArgumentError(
        absl::StrCat(invalid, "local identity options specified for non-local identity"));
  }
  if (!surroundings.has_hub && (principal.idtypes->module || principal.idtypes->device)) {
    return absl::InvalidArgumentError(
        absl::StrCat(invalid, "module or device identity requires provisioning with IoT Hub"));
  }
  return absl::OkStatus();
}

}  // namespace

bool Caller::MayHaveDevice() const {
  return MayManage() || (kind == CallerKind::kHostProcess && principal->idtypes->device);
}

bool Caller::MayHaveModule(absl::string_view id) const {
  if (MayManage()) return true;
  return kind == CallerKind::kHostProcess && principal->name == id &&
         (principal->idtypes->module || principal->idtypes->local);
}

absl::StatusOr<Principals> Principals::Make(std::vector<Principal> principals, Surroundings surroundings) {
  Principals made;
  std::set<std::string> names;
  bool daemon_seen = false;
  for (Principal& principal : principals) {
    if (!names.insert(principal.name).second) {
      return absl::InvalidArgumentError(absl::StrCat("duplicate module name: ", principal.name));
    }
    RETURN_IF_ERROR(CheckRules(principal, surroundings));
    if (!principal.idtypes && std::exchange(daemon_seen, true)) {
      made.warnings_.push_back(absl::StrCat("Principal \"", principal.name, "\" (uid ", principal.uid,
                                            ") is not authorized. Please ensure there is only one principal "
                                            "without a type in the config.toml"));
      continue;
    }
    made.principals_.push_back(std::move(principal));
  }
  for (size_t i = 0; i < made.principals_.size(); ++i) {
    const Principal& principal = made.principals_[i];
    const auto [place, fresh] = made.by_uid_.emplace(principal.uid, i);
    if (!fresh) {
      made.warnings_.push_back(absl::StrCat("Principal \"", principal.name, "\" takes uid ", principal.uid,
                                            " from principal \"", made.principals_[place->second].name,
                                            "\""));
      place->second = i;
    }
  }
  return made;
}

Caller Principals::Identify(const net::Peer& peer) const {
  if (const auto found = by_uid_.find(peer.uid); found != by_uid_.end()) {
    const Principal& principal = principals_[found->second];
    if (principal.idtypes) return {CallerKind::kHostProcess, &principal};
    return {CallerKind::kDaemon, nullptr};
  }
  return {peer.uid == 0 ? CallerKind::kLocalRoot : CallerKind::kUnknown, nullptr};
}

std::set<std::string> Principals::ModuleNames() const {
  std::set<std::string> names;
  for (const Principal& principal : principals_) {
    if (principal.idtypes && principal.idtypes->module) names.insert(principal.name);
  }
  return names;
}

const Principal* Principals::FindLocal(absl::string_view name) const {
  for (const Principal& principal : principals_) {
    if (principal.name == name && principal.idtypes && principal.idtypes->local) return &principal;
  }
  return nullptr;
}

}  // namespace aziot::identityd
