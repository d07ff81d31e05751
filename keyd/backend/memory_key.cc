#include "keyd/backend/memory_key.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <climits>
#include <cstdlib>
#include <cstring>

#include "common/openssl/error_queue.h"
#include "common/status/status_macros.h"

namespace aziot::keyd {
namespace {

constexpr size_t kAesKeyBytes = 32;
constexpr size_t kBlockBytes = 64;  // SHA-256's
constexpr size_t kTagBytes = 16;
constexpr size_t kLongestIv = 128;  // OpenSSL 3's limit
constexpr uint8_t kVersion1 = 0x01;
constexpr uint8_t kVersion2 = 0x02;

// Fetched once for the life of the process; a fetch per operation costs more than the operation.
EVP_MAC* HmacAlgorithm() {
  static EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  return mac;
}
const EVP_CIPHER* Aes256Gcm() {
  static EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

absl::Status Failed(absl::string_view doing) {
  return openssl::ErrorFromQueue(absl::StatusCode::kInternal, doing);
}

// OpenSSL reads a null pointer as "not this call", so empty input needs an address.
const uint8_t* AddressOf(BytesView bytes) {
  static const uint8_t nothing = 0;
  return bytes.empty() ? &nothing : bytes.data();
}

// RFC 2104, 2: a key longer than a block is its digest.
Secret HmacKeyOf(Secret key) {
  if (key.size() <= kBlockBytes) return key;
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

absl::Status MemoryKey::ComputeHmac(BytesView message, std::span<uint8_t, 32> out) const {
  openssl::MacCtxPtr context = macs_.Take();
  if (context == nullptr) {
    context.reset(EVP_MAC_CTX_new(HmacAlgorithm()));
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                     OSSL_PARAM_construct_end()};
    if (context == nullptr ||
        EVP_MAC_init(context.get(), AddressOf(bytes_.Expose()), bytes_.size(), parameters) != 1) {
      return Failed("preparing HMAC-SHA256");
    }
  } else if (EVP_MAC_init(context.get(), nullptr, 0, nullptr) != 1) {
    return Failed("starting HMAC-SHA256");
  }
  size_t written = 0;
  if (EVP_MAC_update(context.get(), AddressOf(message), message.size()) != 1 ||
      EVP_MAC_final(context.get(), out.data(), &written, out.size()) != 1 || written != out.size()) {
    return Failed("computing HMAC-SHA256");
  }
  macs_.Return(std::move(context));
  return absl::OkStatus();
}

absl::StatusOr<Mac> MemoryKey::Hmac(BytesView message) const {
  Mac mac;
  RETURN_IF_ERROR(ComputeHmac(message, mac));
  return mac;
}

absl::StatusOr<Secret> MemoryKey::Derive(BytesView data) const {
  Secret derived = Secret::OfSize(32);
  RETURN_IF_ERROR(ComputeHmac(data, derived.ExposeForWriting().first<32>()));
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
