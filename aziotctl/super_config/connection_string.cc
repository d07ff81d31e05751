#include "aziotctl/super_config/connection_string.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/bytes/base64.h"

namespace aziot::ctl {
namespace {

absl::Status Missing(absl::string_view name) {
  return absl::InvalidArgumentError(
      absl::StrCat("connection string: required parameter \"", name, "\" is missing"));
}

}  // namespace

absl::StatusOr<ConnectionString> ParseConnectionString(absl::string_view text) {
  std::optional<absl::string_view> hub, device, key;
  for (const absl::string_view part : absl::StrSplit(text, ';')) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    if (pair.first == "HostName") hub = pair.second;
    if (pair.first == "DeviceId") device = pair.second;
    if (pair.first == "SharedAccessKey") key = pair.second;
  }
  if (!hub.has_value() || hub->empty()) return Missing("HostName");
  if (!device.has_value() || device->empty()) return Missing("DeviceId");
  if (!key.has_value() || key->empty()) return Missing("SharedAccessKey");
  absl::StatusOr<Bytes> decoded = ParseBase64Unpadded(*key);
  if (!decoded.ok()) return absl::InvalidArgumentError("connection string: SharedAccessKey is not base64");
  return ConnectionString{std::string(*hub), std::string(*device), Secret::Take(*std::move(decoded))};
}

}  // namespace aziot::ctl
