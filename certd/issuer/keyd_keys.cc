#include "certd/issuer/keyd_keys.h"

#include "absl/strings/str_cat.h"
#include "aziot/keys/v1/keys.pb.h"
#include "common/status/errno_status.h"
#include "common/uri/uri.h"

namespace aziot::certd {

absl::StatusOr<openssl::PkeyPtr> KeydKeys::ById(const KeyId& id) {
  keys::v1::GetKeyRequest request;
  request.set_id(id.value());
  auto handle = keyd_.Call<keys::v1::KeyHandle>("aziot.keys.v1.Keys.GetKeyPair", request);
  if (!handle.ok()) return Annotate(handle.status(), absl::StrCat("asking keyd for key pair ", id.value()));
  return ByHandle(handle->key_handle());
}

absl::StatusOr<openssl::PkeyPtr> KeydKeys::ByHandle(absl::string_view handle) {
  return remote_.Load(absl::StrCat("aziot:handle=", uri::PercentEncode(handle),
                                   ";socket=", uri::PercentEncode(keyd_.socket())));
}

}  // namespace aziot::certd
