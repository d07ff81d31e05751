#include <cstdint>
#include <cstdlib>

#include "common/bytes/bytes.h"
#include "identityd/device/device_info.h"

// A device that can be read is written so that it reads back the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace id = aziot::identityd;
  const auto device = id::ParseDeviceInfo(aziot::ToText({data, size}));
  if (!device.ok()) return 0;
  const auto again = id::ParseDeviceInfo(id::FormatDeviceInfo(*device));
  if (!again.ok() || !(*again == *device)) std::abort();
  return 0;
}
