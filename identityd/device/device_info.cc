#include "identityd/device/device_info.h"

#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status/status_macros.h"
#include "identityd/device/toml_string.h"

namespace aziot::identityd {
namespace {

absl::StatusOr<std::string> Unquoted(absl::string_view value) {
  const absl::Status bad = absl::InvalidArgumentError("expected a string");
  if (value.size() < 2 || value.front() != value.back()) return bad;
  const absl::string_view inside = value.substr(1, value.size() - 2);
  if (value.front() == '\'') {
    if (absl::StrContains(inside, '\'')) return bad;
    return std::string(inside);
  }
  if (value.front() != '"') return bad;
  for (size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] == '"') return bad;
    if (inside[i] == '\\') ++i;
  }
  // C's escapes contain those of TOML strings.
  std::string out;
  if (!absl::CUnescape(inside, &out)) return bad;
  return out;
}

}  // namespace

std::string FormatDeviceInfo(const DeviceIdentity& device) {
  return absl::StrCat("hub_name = ", FormatTomlString(device.hub_name),
                      "\nlocal_gateway_hostname = ", FormatTomlString(device.gateway_host),
                      "\ndevice_id = ", FormatTomlString(device.device_id), "\n");
}

absl::StatusOr<DeviceIdentity> ParseDeviceInfo(absl::string_view text) {
  std::map<std::string, std::string> values;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits('=', 1));
    ASSIGN_OR_RETURN(std::string value, Unquoted(absl::StripAsciiWhitespace(parts.second)));
    values[std::string(absl::StripAsciiWhitespace(parts.first))] = std::move(value);
  }
  for (const char* key : {"hub_name", "local_gateway_hostname", "device_id"}) {
    if (values[key].empty()) return absl::InvalidArgumentError(absl::StrCat(key, " is missing"));
  }
  return DeviceIdentity{.hub_name = values["hub_name"],
                        .gateway_host = values["local_gateway_hostname"],
                        .device_id = values["device_id"],
                        .credential = {}};
}

}  // namespace aziot::identityd
