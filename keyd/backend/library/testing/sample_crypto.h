// What the sample key library computes, with OpenSSL. An absent value is an operation that failed.
#pragma once

#include <optional>

#include "keyd/backend/library/aziot-keys.h"
#include "keyd/backend/library/testing/sample_store.h"

namespace sample {

struct View {
  const unsigned char* data;
  size_t size;
};

Pair Generate(const std::string& preferred_algorithms);
bool IsRsa(EVP_PKEY& pair);
// Absent for a parameter of the other family.
std::optional<Bytes> PublicParameter(EVP_PKEY& pair, AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE type);

std::optional<Bytes> Hmac(const Bytes& key, View message);
// Digests that are longer than the order fail, as they do on some tokens.
std::optional<Bytes> Ecdsa(EVP_PKEY& pair, View digest);
std::optional<Bytes> RsaPrivate(EVP_PKEY& pair, int padding, View input);

// `02`, ciphertext, tag; Open also takes `01`, tag, ciphertext.
std::optional<Bytes> Seal(const Bytes& key, View iv, View aad, View plaintext);
std::optional<Bytes> Open(const Bytes& key, View iv, View aad, View blob);
// Whether Open would know the form of it.
bool IsBlob(View blob);

}  // namespace sample
