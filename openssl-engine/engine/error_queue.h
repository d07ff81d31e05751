// What the engine says when it fails: one entry of the OpenSSL error queue, under the names that programs
// know from the engine before this one.
#pragma once

#include "openssl-engine/result.h"

namespace aziot::openssl_engine {

// Registers the texts of `Reason`; once a process.
void LoadErrorStrings();

// `function` is the name of the hook that failed, a literal.
void Raise(const char* function, const Failure& failure);

// Runs a hook's body; an exception of the C++ runtime (memory) ends here and not in OpenSSL's C code.
template <class T, class F>
T Guarded(const char* function, T fallback, F body) noexcept {
  try {
    return body();
  } catch (...) {
    Raise(function, {Reason::kCrypto, ""});
    return fallback;
  }
}

}  // namespace aziot::openssl_engine
