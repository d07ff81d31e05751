#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "aziotctl/super_config/connection_string.h"
#include "common/bytes/base64.h"

namespace {

// All there is: a refusal names the part, never the text.
constexpr absl::string_view kRefusals[] = {
    "connection string: required parameter \"HostName\" is missing",
    "connection string: required parameter \"DeviceId\" is missing",
    "connection string: required parameter \"SharedAccessKey\" is missing",
    "connection string: SharedAccessKey is not base64"};

}  // namespace

// What was taken apart and put together again is taken apart to the same.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using aziot::ctl::ParseConnectionString;
  const auto parsed = ParseConnectionString(absl::string_view(reinterpret_cast<const char*>(data), size));
  if (!parsed.ok()) {
    const absl::string_view refusal = parsed.status().message();
    if (std::find(std::begin(kRefusals), std::end(kRefusals), refusal) == std::end(kRefusals)) std::abort();
    return 0;
  }
  if (parsed->hub.empty() || parsed->device.empty()) std::abort();
  const auto again =
      ParseConnectionString(absl::StrCat("HostName=", parsed->hub, ";DeviceId=", parsed->device,
                                         ";SharedAccessKey=", aziot::FormatBase64(parsed->key.Expose())));
  if (!again.ok() || again->hub != parsed->hub || again->device != parsed->device ||
      !(again->key == parsed->key))
    std::abort();
  return 0;
}
