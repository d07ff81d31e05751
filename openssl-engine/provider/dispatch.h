// The seam between OpenSSL's C tables and our functions: entries whose type is checked, and the place where
// an exception of the C++ runtime (memory) ends.
#pragma once

#include <openssl/core.h>
#include <openssl/core_dispatch.h>

namespace aziot::openssl_engine {

template <class Function>
OSSL_DISPATCH Entry(int id, Function* function) {
  return {id, reinterpret_cast<void (*)(void)>(function)};
}

inline constexpr OSSL_DISPATCH kNoMoreEntries{0, nullptr};

template <class T, class F>
T Guarded(T fallback, F body) noexcept {
  try {
    return body();
  } catch (...) {
    return fallback;
  }
}

// Each operation's algorithms, in its own file.
extern const OSSL_ALGORITHM kKeymgmtAlgorithms[];
extern const OSSL_ALGORITHM kSignatureAlgorithms[];
extern const OSSL_ALGORITHM kStoreAlgorithms[];
extern const OSSL_ALGORITHM kAsymCipherAlgorithms[];
extern const OSSL_ALGORITHM kDecoderAlgorithms[];

// The TLS groups that go with our KEYMGMT.
OSSL_FUNC_provider_get_capabilities_fn GetCapabilities;

// A query may name `provider` only once, so what keeps us out of our own searches is a property of our own.
inline constexpr char kProperties[] = "provider=aziot_keys,aziot.remote=yes";
inline constexpr char kRsaNames[] = "RSA:rsaEncryption:1.2.840.113549.1.1.1";
inline constexpr char kEcNames[] = "EC:id-ecPublicKey:1.2.840.10045.2.1";

}  // namespace aziot::openssl_engine
