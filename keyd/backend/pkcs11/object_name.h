// What an object of ours is called on a token: CKA_LABEL, and CKA_ID where one is known.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "common/bytes/bytes.h"

namespace aziot::keyd::pkcs11 {

struct ObjectName {
  std::optional<std::string> label;
  std::optional<std::string> id;  // bytes of CKA_ID
};

// The CKA_ID of what we make: "azk1", a number that grows with each key of one label, random bytes. Both
// halves of a pair have the same one. Of several keys of one label, as a kill in the middle of an import
// leaves them, the newest counts.
Bytes NewMarker(uint64_t at_least);
// The growing number; nullopt when somebody else chose the CKA_ID.
std::optional<uint64_t> NumberOfMarker(BytesView id);

// A text that two names share only when they mean the same object; to lock by.
std::string LockOf(const ObjectName& name);

// The label of a pair that is about to be replaced by a move to `label`.
std::string AsideLabel(absl::string_view label);
// The label that AsideLabel was made of.
std::optional<std::string> LabelOfAside(absl::string_view aside);

}  // namespace aziot::keyd::pkcs11
