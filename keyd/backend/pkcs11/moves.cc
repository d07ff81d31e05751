#include "keyd/backend/pkcs11/moves.h"

#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "keyd/backend/pkcs11/ckr.h"
#include "keyd/backend/pkcs11/objects.h"

namespace aziot::keyd::pkcs11 {
namespace {

Template Renaming(const ObjectName& name) {
  Template values;
  values.Text(CKA_LABEL, *name.label);
  if (name.id.has_value()) values.Text(CKA_ID, *name.id);
  return values;
}

absl::Status RenameAll(Session& session, const std::vector<FoundObject>& objects, const ObjectName& name) {
  for (const FoundObject& object : objects) {
    RETURN_IF_ERROR(session.SetAttributes(object.handle, Renaming(name)));
  }
  return absl::OkStatus();
}

ObjectName AsideOf(const ObjectName& name) { return {.label = AsideLabel(*name.label), .id = std::nullopt}; }

absl::Status CheckNoSecretKey(Session& session, const ObjectName& name) {
  ASSIGN_OR_RETURN(const auto keys, FindObjects(session, CKO_SECRET_KEY, name));
  if (keys.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("the id holds a key, not a key pair");
}

// With its public halves, private key first: what is left of it then cannot be used.
absl::Status Destroy(Session& session, const FoundObject& private_key, const ObjectName& name) {
  ASSIGN_OR_RETURN(const auto halves, FindPublicHalves(session, private_key, name));
  RETURN_IF_ERROR(session.Destroy(private_key.handle));
  for (const FoundObject& half : halves) RETURN_IF_ERROR(session.Destroy(half.handle));
  return absl::OkStatus();
}

// Leaves one private key of the name: only the one that counts is worth setting aside.
absl::Status DestroyAllButTheFirst(Session& session, const std::vector<FoundObject>& keys) {
  for (size_t i = 1; i < keys.size(); ++i) RETURN_IF_ERROR(session.Destroy(keys[i].handle));
  return absl::OkStatus();
}

absl::Status SetAside(Session& session, const FoundObject& key, const ObjectName& name) {
  ASSIGN_OR_RETURN(const auto halves, FindPublicHalves(session, key, name));
  RETURN_IF_ERROR(RenameAll(session, {key}, AsideOf(name)));
  return RenameAll(session, halves, AsideOf(name));
}

// A pair whose halves nothing joins could lose one on the way. Other tools join them by CKA_ID, too.
absl::StatusOr<FoundObject> Joined(Session& session, FoundObject key, const ObjectName& name) {
  if (!key.id.empty()) return key;
  ASSIGN_OR_RETURN(const auto halves, FindPublicHalves(session, key, name));
  Template values;
  const Bytes marker = NewMarker(0);
  values.Add(CKA_ID, marker);
  for (const FoundObject& half : halves) {
    const absl::Status set = session.SetAttributes(half.handle, values);
    if (absl::IsUnimplemented(set)) return key;
    RETURN_IF_ERROR(set);
  }
  const absl::Status set = session.SetAttributes(key.handle, values);
  if (!set.ok() && !absl::IsUnimplemented(set)) return set;
  if (set.ok()) key.id = marker;
  return key;
}

// The private key has its new name already, and the answer to that was lost.
absl::Status EndRenaming(Session& session, const ObjectName& name, const Bytes& id) {
  ASSIGN_OR_RETURN(const auto keys, FindObjects(session, CKO_PRIVATE_KEY, name));
  if (keys.empty() || keys.front().id != id)
    return absl::NotFoundError("there is no key pair to move any more");
  ASSIGN_OR_RETURN(const auto halves, FindPublicHalves(session, keys.front(), name));
  return RenameAll(session, halves, name);
}

}  // namespace

absl::Status MovePair(Session& session, const ObjectName& from, const ObjectName& to,
                      std::optional<Bytes>& renaming) {
  if (!from.label.has_value() || !to.label.has_value()) {
    return absl::InvalidArgumentError("a pair whose pkcs11 URI has no object= cannot be moved");
  }
  for (const ObjectName* name : {&from, &to}) {
    RETURN_IF_ERROR(EndCutMove(session, *name));
    RETURN_IF_ERROR(CheckNoSecretKey(session, *name));
  }
  ASSIGN_OR_RETURN(const auto moving, FindObjects(session, CKO_PRIVATE_KEY, from));
  if (moving.empty()) {
    if (renaming.has_value()) return EndRenaming(session, to, *renaming);
    return absl::NotFoundError("there is no key pair to move");
  }
  RETURN_IF_ERROR(DestroyAllButTheFirst(session, moving));
  ASSIGN_OR_RETURN(const FoundObject key, Joined(session, moving.front(), from));
  ASSIGN_OR_RETURN(const auto halves, FindPublicHalves(session, key, from));

  ASSIGN_OR_RETURN(const auto replaced, FindObjects(session, CKO_PRIVATE_KEY, to));
  RETURN_IF_ERROR(DestroyAllButTheFirst(session, replaced));
  RETURN_IF_ERROR(ClearLonePublicKeys(session, to));
  if (!replaced.empty()) RETURN_IF_ERROR(SetAside(session, replaced.front(), to));
  renaming = to.id.has_value() ? ToBytes(*to.id) : key.id;
  const absl::Status moved = session.SetAttributes(key.handle, Renaming(to));
  if (!moved.ok()) {
    // Back now where that is possible; otherwise the next one who looks does it.
    if (const absl::Status back = EndCutMove(session, to); !back.ok()) {
      log::Warn("rolling back a move on the token: {}", back);
    }
    return moved;
  }
  RETURN_IF_ERROR(RenameAll(session, halves, to));
  return EndCutMove(session, to);
}

absl::Status EndCutMove(Session& session, const ObjectName& name) {
  if (!name.label.has_value()) return absl::OkStatus();
  const ObjectName aside = AsideOf(name);
  ASSIGN_OR_RETURN(const auto old_keys, FindObjects(session, CKO_PRIVATE_KEY, aside));
  ASSIGN_OR_RETURN(const auto old_halves, FindObjects(session, CKO_PUBLIC_KEY, aside));
  if (old_keys.empty() && old_halves.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto current, FindObjects(session, CKO_PRIVATE_KEY, name));
  if (current.empty()) {
    RETURN_IF_ERROR(RenameAll(session, old_halves, name));
    return RenameAll(session, old_keys, name);
  }
  ASSIGN_OR_RETURN(const auto halves, FindPublicHalves(session, current.front(), name));
  RETURN_IF_ERROR(RenameAll(session, halves, name));
  for (const auto* objects : {&old_keys, &old_halves}) {
    for (const FoundObject& object : *objects) RETURN_IF_ERROR(session.Destroy(object.handle));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> FindCutMoves(Session& session) {
  std::vector<std::string> labels;
  for (const CK_OBJECT_CLASS object_class : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
    ASSIGN_OR_RETURN(const auto keys, FindObjects(session, object_class, {}));
    for (const FoundObject& key : keys) {
      ASSIGN_OR_RETURN(const Bytes label, session.Attribute(key.handle, CKA_LABEL));
      if (auto replaced = LabelOfAside(ToText(label))) labels.push_back(*std::move(replaced));
    }
  }
  return labels;
}

absl::Status DestroyPair(Session& session, const ObjectName& name) {
  RETURN_IF_ERROR(EndCutMove(session, name));
  ASSIGN_OR_RETURN(const auto keys, FindObjects(session, CKO_PRIVATE_KEY, name));
  for (const FoundObject& key : keys) RETURN_IF_ERROR(Destroy(session, key, name));
  return ClearLonePublicKeys(session, name);
}

absl::Status ClearLonePublicKeys(Session& session, const ObjectName& name) {
  ASSIGN_OR_RETURN(const auto keys, FindObjects(session, CKO_PRIVATE_KEY, name));
  ASSIGN_OR_RETURN(const auto halves, FindObjects(session, CKO_PUBLIC_KEY, name));
  for (const FoundObject& half : halves) {
    std::vector<FoundObject> owners;
    if (!half.id.empty()) {
      const ObjectName by_id{.label = std::nullopt, .id = std::string(ToText(half.id))};
      ASSIGN_OR_RETURN(owners, FindObjects(session, CKO_PRIVATE_KEY, by_id));
    }
    if (owners.empty()) {
      if (keys.empty()) RETURN_IF_ERROR(session.Destroy(half.handle));
      continue;
    }
    ASSIGN_OR_RETURN(const Bytes label, session.Attribute(owners.front().handle, CKA_LABEL));
    if (name.label.has_value() && ToText(label) == *name.label) continue;
    RETURN_IF_ERROR(RenameAll(session, {half}, {.label = std::string(ToText(label)), .id = std::nullopt}));
  }
  return absl::OkStatus();
}

}  // namespace aziot::keyd::pkcs11
