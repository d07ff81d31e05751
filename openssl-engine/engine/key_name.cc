#include "openssl-engine/engine/key_name.h"

#include <strings.h>

#include <algorithm>

namespace aziot::openssl_engine {

Result<KeyRef> ParseKeyName(std::string_view name) {
  constexpr std::string_view kScheme = "aziot:";
  if (name.size() >= kScheme.size() && strncasecmp(name.data(), kScheme.data(), kScheme.size()) == 0) {
    Result<KeyRef> ref = ParseKeyRef(name);
    if (ref.ok() && ref->handle.empty() && ref->key_id.empty()) {
      return Failure{Reason::kInvalidName,
                     "key name: the engine loads keys only (aziot:key=, aziot:handle=)"};
    }
    return ref;
  }
  if (name.empty())
    return Failure{Reason::kInvalidName, "key name: empty; a key handle or aziot:key= is wanted"};
  if (!std::all_of(name.begin(), name.end(), [](char c) { return c > 0x20 && c < 0x7f; })) {
    return Failure{Reason::kInvalidName, "key name: the handle has other than printable ASCII characters"};
  }
  KeyRef ref;
  ref.handle = name;
  return ref;
}

}  // namespace aziot::openssl_engine
