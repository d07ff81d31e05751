// The super-config split into what each daemon reads. Pure: nothing is looked up and nothing written.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "aziot/config/v1/super.pb.h"
#include "common/bytes/secret.h"

namespace aziot::ctl {

struct Surroundings {
  std::string root;      // before each built-in path
  std::string hostname;  // the machine's, used when the file names none
  uid_t certd_uid;
  uid_t identityd_uid;
};

struct DaemonConfigs {
  std::string keyd;
  std::string certd;
  std::string identityd;
  std::string tpmd;
  // The device's symmetric key, when the file holds it: goes to `DeviceKeyFile`.
  std::optional<Secret> device_key;
  // What is legal and most likely not meant: options without effect, EST over plain http.
  std::vector<std::string> warnings;
};

// `<root>/var/secrets/aziot/keyd/device-id`
std::string DeviceKeyFile(absl::string_view root);

// kInvalidArgument names the key that is wrong or missing.
absl::StatusOr<DaemonConfigs> Split(const config::v1::Super& super, const Surroundings& surroundings);

}  // namespace aziot::ctl
