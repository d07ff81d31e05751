#include "keyd/backend/memory_key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <climits>
#include <cstdlib>
#include <cstring>

#include "common/openssl/error_queue.h"
#include "common/status/status_macros.h"

namespace aziot::keyd {
namespace {

constexpr size_t kAesKeyBytes = 32;
constexpr size_t kTagBytes = 16;
constexpr size_t kLongestIv = 128;  // OpenSSL 3's limit
constexpr uint8_t kVersion1 = 0x01;
constexpr uint8_t kVersion2 = 0x02;

// Fetched once for the life of the process; a fetch per operation costs more than the operation.
const EVP_CIPHER* Aes256Gcm() {
  static EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

absl::Status Failed(absl::string_view doing) {
  return openssl::ErrorFromQueue(absl::StatusCode::kInternal, doing);
}

// RFC 2104, 2: a key longer than a block is its digest.
Secret HmacKeyOf(Secret key) {
  if (key.size() <= HmacSha256::kBlockBytes) return key;
  Secret digest = Secret::OfSize(32);
  if (EVP_Q_digest(nullptr, "SHA256", nullptr, key.Expose().data(), key.size(),
                   digest.ExposeForWriting().data(), nullptr) != 1) {
    std::abort();  // a libcrypto without SHA-2, or no memory
  }
  return digest;
}

}  // namespace

MemoryKey::MemoryKey(Secret bytes)
    : fits_aes_(bytes.size() == kAesKeyBytes), bytes_(HmacKeyOf(std::move(bytes))) {}

absl::StatusOr<std::unique_ptr<HmacSha256>> MemoryKey::TakeHmac() const {
  std::unique_ptr<HmacSha256> hmac = hmacs_.Take();
  if (hmac != nullptr) return hmac;
  return HmacSha256::New(bytes_.Expose());
}

absl::StatusOr<Mac> MemoryKey::Hmac(BytesView message) const {
  ASSIGN_OR_RETURN(std::unique_ptr<HmacSha256> hmac, TakeHmac());
  Mac mac;
  RETURN_IF_ERROR(hmac->Compute(message, mac));
  hmacs_.Return(std::move(hmac));
  return mac;
}

absl::StatusOr<Secret> MemoryKey::Derive(BytesView data) const {
  ASSIGN_OR_RETURN(std::unique_ptr<HmacSha256> hmac, TakeHmac());
  Secret derived = Secret::OfSize(32);
  RETURN_IF_ERROR(hmac->Compute(data, derived.ExposeForWriting().first<32>()));
  RETURN_IF_ERROR(hmac->Forget());
  hmacs_.Return(std::move(hmac));
  return derived;
}

// A context per call: one kept ready would hold the key schedule, whose first words are the key, in ordinary
// memory. Freeing it wipes it.
absl::StatusOr<openssl::CipherCtxPtr> MemoryKey::StartGcm(const AeadParameters& parameters, BytesView text,
                                                          int encrypt) const {
  if (!fits_aes_) {
    return absl::InternalError("the key is not 32 bytes long, AES-256 needs that");
  }
  if (parameters.iv.empty() || parameters.iv.size() > kLongestIv) {
    return absl::InternalError("the iv must have 1 to 128 bytes");
  }
  if (text.size() > INT_MAX || parameters.aad.size() > INT_MAX) return absl::InternalError("input too long");
  openssl::CipherCtxPtr context(EVP_CIPHER_CTX_new());
  int ignored = 0;
  if (context == nullptr ||
      EVP_CipherInit_ex2(context.get(), Aes256Gcm(), nullptr, nullptr, encrypt, nullptr) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_IVLEN, static_cast<int>(parameters.iv.size()),
                          nullptr) != 1 ||
      EVP_CipherInit_ex2(context.get(), nullptr, bytes_.Expose().data(), parameters.iv.data(), encrypt,
                         nullptr) != 1 ||
      (!parameters.aad.empty() && EVP_CipherUpdate(context.get(), nullptr, &ignored, parameters.aad.data(),
                                                   static_cast<int>(parameters.aad.size())) != 1)) {
    return Failed("starting AES-256-GCM");
  }
  return context;
}

absl::StatusOr<Bytes> MemoryKey::Encrypt(const AeadParameters& parameters, BytesView plaintext) const {
  ASSIGN_OR_RETURN(const openssl::CipherCtxPtr context, StartGcm(parameters, plaintext, 1));
  Bytes blob(1 + plaintext.size() + kTagBytes);
  blob[0] = kVersion2;
  int written = 0;
  int rest = 0;
  if ((!plaintext.empty() && EVP_CipherUpdate(context.get(), blob.data() + 1, &written, plaintext.data(),
                                              static_cast<int>(plaintext.size())) != 1) ||
      EVP_CipherFinal_ex(context.get(), blob.data() + 1 + written, &rest) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes,
                          blob.data() + 1 + plaintext.size()) != 1) {
    return Failed("encrypting with AES-256-GCM");
  }
  return blob;
}

absl::StatusOr<Bytes> MemoryKey::Decrypt(const AeadParameters& parameters, BytesView blob) const {
  if (blob.size() < 1 + kTagBytes) return absl::InvalidArgumentError("ciphertext too short");
  const BytesView body = blob.subspan(1);
  const size_t size = body.size() - kTagBytes;
  BytesView ciphertext;
  BytesView tag;
  if (blob[0] == kVersion1) {
    tag = body.first(kTagBytes);
    ciphertext = body.subspan(kTagBytes);
  } else if (blob[0] == kVersion2) {
    ciphertext = body.first(size);
    tag = body.subspan(size);
  } else {
    return absl::InvalidArgumentError("ciphertext of an unknown version");
  }

  ASSIGN_OR_RETURN(const openssl::CipherCtxPtr context, StartGcm(parameters, ciphertext, 0));
  uint8_t expected[kTagBytes];
  std::memcpy(expected, tag.data(), kTagBytes);
  Bytes plaintext(size);
  int written = 0;
  int rest = 0;
  uint8_t spare = 0;
  if (EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, expected) != 1 ||
      (size != 0 && EVP_CipherUpdate(context.get(), plaintext.data(), &written, ciphertext.data(),
                                     static_cast<int>(size)) != 1) ||
      EVP_CipherFinal_ex(context.get(), &spare, &rest) != 1) {
    OPENSSL_cleanse(plaintext.data(), plaintext.size());
    return Failed("decrypting with AES-256-GCM: wrong key, iv or aad, or a changed ciphertext");
  }
  return plaintext;
}

}  // namespace aziot::keyd
