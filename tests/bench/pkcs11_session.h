// One client's session with a PKCS#11 module, and its key there.
#pragma once

#include <p11-kit/pkcs11.h>

#include <string>

namespace aziot::bench {

struct Pkcs11Session {
  CK_FUNCTION_LIST* functions = nullptr;
  CK_SESSION_HANDLE session = 0;
  CK_OBJECT_HANDLE key = 0;

  // Logs in to the first token with `pin`. False: there is none, or the PIN is another.
  bool Open(const std::string& module, const std::string& pin);
  // An HMAC key of the session's own.
  bool MakeHmacKey();
  // The first private key of that label.
  bool FindPrivateKey(const std::string& label);

  bool SignHmac() const;    // of 32 bytes
  bool SignDigest() const;  // ECDSA, 32 bytes
};

}  // namespace aziot::bench
