#include "identityd/attestation/symmetric_key/symmetric_key.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/bytes/base64.h"
#include "common/status/status_macros.h"
#include "identityd/attestation/failure.h"
#include "identityd/attestation/url_encoding.h"

namespace aziot::identityd {

absl::StatusOr<std::string> SymmetricKeyAttestation::Authorization(const Credential& credential,
                                                                   absl::string_view resource,
                                                                   absl::string_view key_name,
                                                                   absl::Duration validity) {
  if (credential.kind != Credential::Kind::kSas) {
    return Blame(Party::kKeys, Reason::kOther,
                 absl::UnimplementedError("the credential is no symmetric key"));
  }
  const std::string encoded = EncodeResource(absl::AsciiStrToLower(resource));
  const int64_t expiry = absl::ToUnixSeconds(clock_.Now() + validity);
  ASSIGN_OR_RETURN(const std::string handle, keys_.Load(credential.key_id));
  ASSIGN_OR_RETURN(const Bytes signature, keys_.HmacSha256(handle, absl::StrCat(encoded, "\n", expiry)));
  std::string token = absl::StrCat("SharedAccessSignature sr=", encoded,
                                   "&sig=", EncodeForm(FormatBase64(signature)), "&se=", expiry);
  if (!key_name.empty()) absl::StrAppend(&token, "&skn=", key_name);
  return token;
}

}  // namespace aziot::identityd
