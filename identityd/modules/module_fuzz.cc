#include <cstdint>
#include <cstdlib>

#include "common/bytes/bytes.h"
#include "identityd/modules/module.h"

// What is saved of a module reads back as the same module.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace id = aziot::identityd;
  const absl::string_view text = aziot::ToText({data, size});
  if (const auto module = id::ParseModule(text); module.ok()) {
    const auto again = id::ParseModule(id::FormatModule(*module));
    if (!again.ok() || again->module_id != module->module_id ||
        again->generation_id != module->generation_id) {
      std::abort();
    }
  }
  (void)id::ParseModules(text);
  if (id::ParseHubError(404, text).text.empty() && size == 0) std::abort();
  return 0;
}
