#include <cstdint>
#include <cstdlib>

#include "common/bytes/bytes.h"
#include "common/log/log.h"
#include "identityd/config.h"

// Settings that can be read are written so that they read back the same (`prev_state`); any other text names
// no modules.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace id = aziot::identityd;
  static const bool quiet = (aziot::log::Init("error"), true);
  (void)quiet;
  const absl::string_view text = aziot::ToText({data, size});
  const auto config = id::LoadConfigText("prev_state", text);
  const auto modules = id::ParsePreviousModules(text);
  if (!config.ok()) {
    if (!modules.empty()) std::abort();
    return 0;
  }
  const std::string written = id::FormatSettings(config->options);
  const auto again = id::LoadConfigText("prev_state", written);
  if (!again.ok() || id::FormatSettings(again->options) != written ||
      again->principals.ModuleNames() != config->principals.ModuleNames()) {
    std::abort();
  }
  return 0;
}
