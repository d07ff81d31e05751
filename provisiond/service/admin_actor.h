#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "aziot/provisioning/v1/admin.pb.h"
#include "common/bytes/base64.h"
#include "common/rpc/call_context.h"
#include "common/rpc/errors.h"
#include "provisiond/lifecycle/actor.h"
#include "provisiond/verifier/symmetric_key/device_keys.h"

namespace aziot::provisiond {

inline Actor ActorOf(const rpc::CallContext& call) { return {absl::StrCat("uid ", call.peer.uid), ""}; }

inline std::vector<absl::string_view> WordsOf(absl::string_view text) { return absl::StrSplit(text, ' '); }

// A key a caller brought; none for "". InvalidParameter for what is no key.
inline absl::StatusOr<std::optional<Secret>> ReadKey(const std::string& text, absl::string_view name) {
  if (text.empty()) return std::optional<Secret>();
  absl::StatusOr<Secret> key = ParseKey(text);
  if (!key.ok()) return rpc::InvalidParameter(name, key.status().message());
  return std::optional<Secret>(*std::move(key));
}

inline provisioning::v1::Keys ToKeys(const KeyPair& keys) {
  provisioning::v1::Keys out;
  out.set_primary_key(FormatBase64(keys.primary.Expose()));
  out.set_secondary_key(FormatBase64(keys.secondary.Expose()));
  return out;
}

}  // namespace aziot::provisiond
