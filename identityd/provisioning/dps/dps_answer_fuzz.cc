#include <cstdint>
#include <cstdlib>

#include "common/bytes/bytes.h"
#include "identityd/attestation/json_depth.h"
#include "identityd/provisioning/dps/dps_answer.h"

// Whatever DPS sends, an answer that says assigned names hub and device, and its payload can be written.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text = aziot::ToText({data, size});
  const auto answer = aziot::identityd::ParseDpsAnswer(text);
  if (answer.ok() && answer->state == aziot::identityd::DpsAnswer::State::kAssigned &&
      (answer->assigned_hub.empty() || answer->device_id.empty())) {
    std::abort();
  }
  if (answer.ok() && !aziot::identityd::IsShallowJson(answer->payload)) std::abort();
  if (aziot::identityd::ParseDpsError(401, text).text.empty()) std::abort();
  return 0;
}
