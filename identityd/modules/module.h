// A module identity as the hub describes it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace aziot::identityd {

using KeysDigest = std::array<uint8_t, 32>;

struct Module {
  std::string module_id;
  std::string device_id;
  std::optional<std::string> generation_id;
  std::optional<std::string> managed_by;
  std::string etag;
  // Of the two keys the hub holds (see DigestKeys), when it told them and they are symmetric: enough to
  // compare, and nothing to steal.
  std::optional<KeysDigest> keys_digest;

  friend bool operator==(const Module&, const Module&) = default;
};

// Both keys as base64 text.
KeysDigest DigestKeys(absl::string_view primary, absl::string_view secondary);

// Answers of the hub, read leniently: only the two ids must be there. kInvalidArgument otherwise.
absl::StatusOr<Module> ParseModule(absl::string_view json);
// An array; entries that cannot be read are left out, but when that is all of them the list is none.
// kInvalidArgument also for more than a device can have.
absl::StatusOr<std::vector<Module>> ParseModules(absl::string_view json);

// The saved form, which upstream reads too: ids, managedBy and generationId, never keys.
std::string FormatModule(const Module& module);

struct HubError {
  std::string text;      // for people
  std::string code;      // "ModuleNotFound", or ""
  std::string tracking;  // by which the hub's operators find the request, or ""
  bool network = false;  // the parent says that its own way to the hub is broken
};
HubError ParseHubError(int http_status, absl::string_view body);

}  // namespace aziot::identityd
