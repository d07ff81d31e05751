// A device's connection string: `HostName=…;DeviceId=…;SharedAccessKey=<base64>`.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/bytes/secret.h"

namespace aziot::ctl {

struct ConnectionString {
  std::string hub;
  std::string device;
  Secret key;  // decoded
};

// Parts at `;`, each at its first `=`; names are case-sensitive, the last of a repeated one counts, others
// are ignored. kInvalidArgument names the part that is missing or wrong, never the key.
absl::StatusOr<ConnectionString> ParseConnectionString(absl::string_view text);

}  // namespace aziot::ctl
