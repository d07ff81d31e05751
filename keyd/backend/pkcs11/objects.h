// Finding keyd's keys among the objects of a token.
#pragma once

#include <p11-kit/pkcs11.h>

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/bytes/bytes.h"
#include "keyd/backend/algorithms.h"
#include "keyd/backend/pkcs11/object_name.h"
#include "keyd/backend/pkcs11/session.h"

namespace aziot::keyd::pkcs11 {

struct FoundObject {
  CK_OBJECT_HANDLE handle;
  Bytes id;  // CKA_ID
};

struct SecretKeyObject {
  CK_OBJECT_HANDLE handle;
  CK_KEY_TYPE type;
};

struct KeyPairObject {
  CK_OBJECT_HANDLE handle;  // of the private key
  KeyFamily family;
  size_t order_bytes = 0;  // EC
  Bytes curve;             // EC: CKA_EC_PARAMS
  Bytes point;             // EC: compressed; empty when the token does not show it
  Bytes modulus;           // RSA, as `exponent` without leading zeros; empty when the token does not show it
  Bytes exponent;
};

// All objects of a class and name, the one that counts first. A name without label and id stands for any
// object of the class; an empty label for those alone that we made.
absl::StatusOr<std::vector<FoundObject>> FindObjects(Session& session, CK_OBJECT_CLASS object_class,
                                                     const ObjectName& name);
// The public halves of a private key: of the same CKA_ID, whatever their label, else of the same label.
absl::StatusOr<std::vector<FoundObject>> FindPublicHalves(Session& session, const FoundObject& private_key,
                                                          const ObjectName& name);

// kNotFound when there is none.
absl::StatusOr<SecretKeyObject> FindSecretKey(Session& session, const ObjectName& name);
absl::StatusOr<KeyPairObject> FindKeyPair(Session& session, const ObjectName& name);

absl::StatusOr<CK_KEY_TYPE> KeyTypeOf(Session& session, CK_OBJECT_HANDLE key);

}  // namespace aziot::keyd::pkcs11
