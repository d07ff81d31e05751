#include <cstdint>
#include <cstdlib>

#include "keyd/handles/handle_text.h"

// Whatever is accepted reads the same again once written.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace aziot::keyd;
  const aziot::BytesView bytes(data, size);
  if (const auto handle = ParseHandle(aziot::ToText(bytes)); handle.ok()) {
    const auto again = ParseHandle(FormatHandle(*handle));
    if (!again.ok() || again->payload != handle->payload || again->mac != handle->mac) std::abort();
    ParsePayload(handle->payload).status().IgnoreError();
  }
  if (const auto payload = ParsePayload(bytes); payload.ok()) {
    const auto again = ParsePayload(aziot::ToBytesView(FormatPayload(*payload)));
    if (!again.ok() || !(*again == *payload)) std::abort();
  }
  return 0;
}
