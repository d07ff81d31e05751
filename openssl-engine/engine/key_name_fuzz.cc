// A name that is accepted names exactly one key, and a bare handle is passed on as it is.
#include <cstdlib>

#include "openssl-engine/engine/key_name.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto ref = aziot::openssl_engine::ParseKeyName(text);
  if (!ref.ok()) return 0;
  if (ref->handle.empty() == ref->key_id.empty()) std::abort();
  const bool uri = text.find(':') == 5;
  if (!uri && ref->handle != text) std::abort();
  return 0;
}
