#include <cstdint>
#include <cstdlib>

#include "openssl-engine/key_ref.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace aziot::openssl_engine;
  const auto ref = ParseKeyRef({reinterpret_cast<const char*>(data), size});
  if (!ref.ok()) return 0;
  const auto again = ParseKeyRef(FormatKeyRef(*ref));
  const int names = !ref->handle.empty() + !ref->key_id.empty() + !ref->cert_id.empty();
  if (names != 1 || !again.ok() || again->handle != ref->handle || again->key_id != ref->key_id ||
      again->cert_id != ref->cert_id || again->socket_path != ref->socket_path) {
    std::abort();
  }
  return 0;
}
