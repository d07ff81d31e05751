#include "provisiond/lifecycle/key_member.h"

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "provisiond/lifecycle/fault.h"
#include "provisiond/verifier/symmetric_key/device_keys.h"

namespace aziot::provisiond {

absl::StatusOr<std::optional<Secret>> KeyMember(const Json& object, absl::string_view name) {
  ASSIGN_OR_RETURN(const auto text, TextMember(object, name));
  if (!text || text->empty()) return std::optional<Secret>();
  absl::StatusOr<Secret> key = ParseKey(*text);
  if (!key.ok()) return Refuse(Fault::kInvalid, absl::StrCat(name, ": ", key.status().message()));
  return std::optional<Secret>(*std::move(key));
}

}  // namespace aziot::provisiond
