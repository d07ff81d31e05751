// Any bytes as a configuration file: a message or an error that names the file, never anything else.
#include <cstdint>
#include <cstdlib>

#include "absl/strings/match.h"
#include "aziot/config/v1/certd.pb.h"
#include "aziot/config/v1/identityd.pb.h"
#include "aziot/config/v1/keyd.pb.h"
#include "aziot/config/v1/tpmd.pb.h"
#include "common/config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  aziot::config::v1::Keyd keyd;
  aziot::config::v1::Certd certd;
  aziot::config::v1::Identityd identityd;
  aziot::config::v1::Tpmd tpmd;
  for (google::protobuf::Message* message :
       {static_cast<google::protobuf::Message*>(&keyd), static_cast<google::protobuf::Message*>(&certd),
        static_cast<google::protobuf::Message*>(&identityd),
        static_cast<google::protobuf::Message*>(&tpmd)}) {
    const auto warnings = aziot::config::LoadText("f.toml", text, *message);
    if (!warnings.ok() && !absl::StartsWith(warnings.status().message(), "f.toml")) std::abort();
  }
  return 0;
}
