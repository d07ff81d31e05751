// Whatever was read is written as valid JSON that reads back as the same message; a refusal repeats none of
// its input.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "aziot/certificates/v1/certificates.pb.h"
#include "aziot/identity/v1/identity.pb.h"
#include "aziot/keys/v1/keys.pb.h"
#include "common/bytes/bytes.h"
#include "common/rpc/transcode.h"

namespace {

template <class Message>
void Check(absl::string_view json) {
  Message message;
  const absl::Status status = aziot::rpc::ReadJson(json, {}, message);
  if (!status.ok()) {
    if (status.code() != absl::StatusCode::kInvalidArgument || status.message().size() > 200) std::abort();
    return;
  }
  if (!aziot::rpc::CheckJson(json).ok()) std::abort();
  const std::string written = aziot::rpc::WriteJson(message);
  Message again;
  if (!aziot::rpc::CheckJson(written).ok() || !aziot::rpc::ReadJson(written, {}, again).ok()) std::abort();
  if (again.SerializeAsString() != message.SerializeAsString()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view json = aziot::ToText({data, size});
  Check<aziot::keys::v1::SignRequest>(json);
  Check<aziot::keys::v1::EncryptRequest>(json);
  Check<aziot::keys::v1::CreateKeyRequest>(json);
  Check<aziot::certificates::v1::CreateCertificateRequest>(json);
  Check<aziot::identity::v1::ProvisioningInfo>(json);
  Check<aziot::identity::v1::IdentityList>(json);
  return 0;
}
