#include <cstdint>
#include <cstdlib>

#include "aziotctl/super_config/connection_string.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = aziot::ctl::ParseConnectionString(text);
  if (parsed.ok() && (parsed->hub.empty() || parsed->device.empty())) std::abort();
  return 0;
}
