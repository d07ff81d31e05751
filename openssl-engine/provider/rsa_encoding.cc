#include "openssl-engine/provider/rsa_encoding.h"

#include <openssl/objects.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include <algorithm>
#include <initializer_list>

namespace aziot::openssl_engine {
namespace {

// The digest of `parts`, one behind the other; false when libcrypto fails.
bool Digest(const EVP_MD* md, std::initializer_list<BytesView> parts, uint8_t* out) {
  const MdCtxPtr ctx(EVP_MD_CTX_new());
  if (ctx == nullptr || EVP_DigestInit_ex(ctx.get(), md, nullptr) != 1) return false;
  for (const BytesView part : parts) {
    if (EVP_DigestUpdate(ctx.get(), part.data(), part.size()) != 1) return false;
  }
  return EVP_DigestFinal_ex(ctx.get(), out, nullptr) == 1;
}

// Masks `out` with MGF1 of `seed` (B.2.1).
bool ApplyMgf1(const EVP_MD* md, BytesView seed, std::span<uint8_t> out) {
  uint8_t block[EVP_MAX_MD_SIZE];
  const size_t size = static_cast<size_t>(EVP_MD_get_size(md));
  for (uint32_t counter = 0; !out.empty(); ++counter) {
    const uint8_t octets[] = {static_cast<uint8_t>(counter >> 24), static_cast<uint8_t>(counter >> 16),
                              static_cast<uint8_t>(counter >> 8), static_cast<uint8_t>(counter)};
    if (!Digest(md, {seed, octets}, block)) return false;
    const size_t count = std::min(size, out.size());
    for (size_t i = 0; i < count; ++i) out[i] ^= block[i];
    out = out.subspan(count);
  }
  return true;
}

Failure CryptoFailed() { return {Reason::kCrypto, "encoding the RSA signature"}; }

}  // namespace

Result<Bytes> EncodeDigestInfo(const EVP_MD* md, BytesView digest) {
  const int nid = EVP_MD_get_type(md);
  if (nid == NID_md5_sha1) return Bytes(digest.begin(), digest.end());
  if (nid == NID_undef)
    return Failure{Reason::kInvalidInput, "this digest has no name for a PKCS#1 signature"};
  using SigPtr = std::unique_ptr<X509_SIG, FreeWith<X509_SIG_free>>;
  const SigPtr info(X509_SIG_new());
  if (info == nullptr) return CryptoFailed();
  X509_ALGOR* algorithm = nullptr;
  ASN1_OCTET_STRING* value = nullptr;
  X509_SIG_getm(info.get(), &algorithm, &value);
  if (X509_ALGOR_set0(algorithm, OBJ_nid2obj(nid), V_ASN1_NULL, nullptr) != 1 ||
      ASN1_OCTET_STRING_set(value, digest.data(), static_cast<int>(digest.size())) != 1) {
    return CryptoFailed();
  }
  const int length = i2d_X509_SIG(info.get(), nullptr);
  if (length <= 0) return CryptoFailed();
  Bytes der(static_cast<size_t>(length));
  uint8_t* out = der.data();
  i2d_X509_SIG(info.get(), &out);
  return der;
}

Result<Bytes> EncodePss(const Software& software, const EVP_MD* md, const EVP_MD* mgf1_md, BytesView digest,
                        size_t salt_length, int modulus_bits) {
  const size_t modulus_length = (static_cast<size_t>(modulus_bits) + 7) / 8;
  const size_t encoded_bits = static_cast<size_t>(modulus_bits) - 1;
  const size_t encoded_length = (encoded_bits + 7) / 8;
  if (encoded_length < digest.size() + salt_length + 2) {
    return Failure{Reason::kInvalidInput, "the RSA key is too small for PSS with this digest"};
  }
  Bytes salt(salt_length);
  if (RAND_bytes_ex(software.libctx, salt.data(), salt.size(), 0) != 1) return CryptoFailed();

  Bytes out(modulus_length, 0);
  const std::span<uint8_t> encoded = std::span<uint8_t>(out).last(encoded_length);
  const std::span<uint8_t> masked = encoded.first(encoded_length - digest.size() - 1);
  const std::span<uint8_t> hash = encoded.subspan(masked.size(), digest.size());
  constexpr uint8_t kZeros[8] = {};
  if (!Digest(md, {kZeros, digest, salt}, hash.data())) return CryptoFailed();

  masked[masked.size() - salt.size() - 1] = 1;
  std::copy(salt.begin(), salt.end(), masked.end() - static_cast<ptrdiff_t>(salt.size()));
  if (!ApplyMgf1(mgf1_md, hash, masked)) return CryptoFailed();
  masked[0] &= static_cast<uint8_t>(0xff >> (8 * encoded_length - encoded_bits));
  encoded.back() = 0xbc;
  return out;
}

}  // namespace aziot::openssl_engine
