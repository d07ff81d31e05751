#include "keyd/backend/library/library_backend.h"

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"

namespace aziot::keyd::library {

absl::StatusOr<std::unique_ptr<LibraryBackend>> LibraryBackend::Open(const LibraryOptions& options) {
  ASSIGN_OR_RETURN(const Functions functions, LoadFunctions(options.path));
  for (const auto& [name, value] : options.parameters) {
    const AZIOT_KEYS_RC code = functions.set_parameter(name.c_str(), value.c_str());
    const absl::Status status = ToStatus(code, {options.path, "set_parameter", name});
    if (!status.ok()) {
      return absl::FailedPreconditionError(absl::StrCat(
          status.message(), "; [aziot_keys] and [preloaded_keys] may hold only what this library knows"));
    }
  }
  if (functions.version == AZIOT_KEYS_VERSION_2_0_0_0) {
    log::Warn(
        "key library {} has version 2.0 of the interface: deleting or moving a key is answered with success "
        "and "
        "changes nothing",
        options.path);
  }
  return std::unique_ptr<LibraryBackend>(new LibraryBackend(options.path, functions));
}

Lane LibraryBackend::LaneOf(const KeyId&, Operation) const { return Lane::Named("library"); }

std::vector<BackendLane> LibraryBackend::Lanes() const { return {{Lane::Named("library"), 1}}; }

bool LibraryBackend::HoldsPair(const KeyId& id) const {
  return functions_.load_key_pair(id.value().c_str()) == AZIOT_KEYS_RC_OK;
}

bool LibraryBackend::HoldsKey(const KeyId& id) const {
  return !HoldsPair(id) && functions_.load_key(id.value().c_str()) == AZIOT_KEYS_RC_OK;
}

absl::Status LibraryBackend::KeyStatus(const KeyId& id) const {
  const absl::Status status = ToStatus(functions_.load_key(id.value().c_str()), Named("load_key", id));
  if (!status.ok() && !absl::IsInvalidArgument(status)) return status;
  if (HoldsPair(id)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", id.value(), "\" is a key pair, not a key"));
  }
  if (status.ok()) return status;
  return absl::NotFoundError(absl::StrCat("key library ", path_, " has no key \"", id.value(), "\""));
}

absl::Status LibraryBackend::PairStatus(const KeyId& id) const {
  const absl::Status status =
      ToStatus(functions_.load_key_pair(id.value().c_str()), Named("load_key_pair", id));
  if (status.ok()) return status;
  if (functions_.load_key(id.value().c_str()) == AZIOT_KEYS_RC_OK) {
    return absl::InternalError(absl::StrCat("\"", id.value(), "\" is a key, not a key pair"));
  }
  if (!absl::IsInvalidArgument(status)) return status;
  return absl::NotFoundError(absl::StrCat("key library ", path_, " has no key pair \"", id.value(), "\""));
}

absl::Status LibraryBackend::OfKey(const KeyId& id, absl::Status status) const {
  if (absl::IsInvalidArgument(status)) RETURN_IF_ERROR(KeyStatus(id));
  return status;
}

absl::Status LibraryBackend::OfPair(const KeyId& id, absl::Status status) const {
  if (absl::IsInvalidArgument(status)) RETURN_IF_ERROR(PairStatus(id));
  return status;
}

}  // namespace aziot::keyd::library
