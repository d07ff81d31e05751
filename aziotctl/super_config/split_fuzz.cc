// Whatever super-config is accepted, the daemons must be able to read what is made of it: without an error,
// and without a key they do not know.
#include <cstdint>
#include <cstdlib>

#include "aziot/config/v1/certd.pb.h"
#include "aziot/config/v1/identityd.pb.h"
#include "aziot/config/v1/keyd.pb.h"
#include "aziot/config/v1/tpmd.pb.h"
#include "aziotctl/super_config/diff.h"
#include "aziotctl/super_config/split.h"
#include "aziotctl/super_config/super_config.h"
#include "common/config/config.h"

namespace {

void MustRead(absl::string_view text, google::protobuf::Message&& message) {
  const auto warnings = aziot::config::LoadText("written", text, message);
  if (!warnings.ok() || !warnings->empty()) std::abort();
  if (aziot::ctl::Diff(text, text).find("\n+") != std::string::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto super = aziot::ctl::ParseSuperConfig("config.toml", text);
  if (!super.ok()) return 0;
  const auto configs = aziot::ctl::Split(
      super->message, {.root = "", .hostname = "my-device", .certd_uid = 5555, .identityd_uid = 5556});
  if (!configs.ok()) return 0;
  MustRead(configs->keyd, aziot::config::v1::Keyd());
  MustRead(configs->certd, aziot::config::v1::Certd());
  MustRead(configs->identityd, aziot::config::v1::Identityd());
  MustRead(configs->tpmd, aziot::config::v1::Tpmd());
  return 0;
}
