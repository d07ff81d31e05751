// libcrypto's own function does this in constant time, but stands among what OpenSSL 3 deprecates: it has no
// successor that works without the private key.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "openssl-engine/provider/oaep.h"

#include <openssl/rsa.h>

namespace aziot::openssl_engine {

Result<Bytes> DecodeOaep(BytesView block, const EVP_MD* md, const EVP_MD* mgf1_md, BytesView label) {
  Bytes message(block.size());
  const int size = static_cast<int>(block.size());
  const int length =
      RSA_padding_check_PKCS1_OAEP_mgf1(message.data(), size, block.data(), size, size, label.data(),
                                        static_cast<int>(label.size()), md, mgf1_md);
  if (length < 0) {
    OPENSSL_cleanse(message.data(), message.size());
    return Failure{Reason::kInvalidInput, "the bytes are no OAEP ciphertext for this key, digest and label"};
  }
  message.resize(static_cast<size_t>(length));
  return message;
}

}  // namespace aziot::openssl_engine
