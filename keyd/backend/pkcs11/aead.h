// AES-GCM on the token, in the layout of our blobs: `02`, ciphertext, 16 bytes of tag.
#pragma once

#include <p11-kit/pkcs11.h>

#include "absl/status/statusor.h"
#include "common/bytes/bytes.h"
#include "keyd/backend/key_backend.h"
#include "keyd/backend/pkcs11/session.h"

namespace aziot::keyd::pkcs11 {

// kInternal for an iv of 0 or more than 128 bytes, as everywhere.
absl::StatusOr<Bytes> EncryptBlob(Session& session, CK_OBJECT_HANDLE key, const AeadParameters& parameters,
                                  BytesView plaintext);
// kInvalidArgument for what is no blob of version 02, kInternal for a tag that does not match.
absl::StatusOr<Bytes> DecryptBlob(Session& session, CK_OBJECT_HANDLE key, const AeadParameters& parameters,
                                  BytesView blob);

}  // namespace aziot::keyd::pkcs11
