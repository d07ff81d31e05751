#include "keyd/tpm/test_challenge.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <cstdlib>

#include "absl/strings/string_view.h"
#include "common/openssl/digest.h"
#include "common/openssl/owned.h"
#include "keyd/tpm/marshal.h"

namespace aziot::keyd::tpm {
namespace {

constexpr size_t kAesKeyBytes = 16;

void Must(bool condition) {
  if (!condition) std::abort();
}

void Append(Bytes& to, BytesView more) { to.insert(to.end(), more.begin(), more.end()); }
void Append16(Bytes& to, size_t number) {
  to.push_back(static_cast<uint8_t>(number >> 8));
  to.push_back(static_cast<uint8_t>(number));
}
void Append32(Bytes& to, uint32_t number) {
  Append16(to, number >> 16);
  Append16(to, number & 0xffff);
}

// TPM2B: a length and the bytes.
Bytes Sized(BytesView content) {
  Bytes result;
  Append16(result, content.size());
  Append(result, content);
  return result;
}

template <class... Parts>
Bytes Concat(const Parts&... parts) {
  Bytes result;
  (Append(result, parts), ...);
  return result;
}

// `text` with the NUL that ends it.
Bytes Label(absl::string_view text) {
  Bytes label = ToBytes(text);
  label.push_back(0);
  return label;
}

// KDFa with SHA-256 (TPM 2.0 Part 1, 11.4.10.2), at most one block of it.
Bytes KdfA(BytesView key, absl::string_view label, BytesView context, uint32_t bits) {
  Bytes input;
  Append32(input, 1);
  Append(input, Label(label));
  Append(input, context);
  Append32(input, bits);
  const auto block = openssl::HmacSha256(key, input);
  return {block.begin(), block.begin() + bits / 8};
}

Bytes AesCfb(BytesView key, BytesView plain) {
  constexpr uint8_t kZeroIv[16] = {};
  Must(key.size() == kAesKeyBytes);
  const openssl::CipherCtxPtr context(EVP_CIPHER_CTX_new());
  Bytes result(plain.size());
  int written = 0;
  Must(EVP_EncryptInit_ex(context.get(), EVP_aes_128_cfb128(), nullptr, key.data(), kZeroIv) == 1);
  Must(EVP_EncryptUpdate(context.get(), result.data(), &written, plain.data(),
                         static_cast<int>(plain.size())) == 1);
  Must(static_cast<size_t>(written) == result.size());
  return result;
}

openssl::PkeyPtr PublicKey(BytesView marshalled) {
  const auto area = ParsePublic(marshalled);
  Must(area.ok() && area->publicArea.type == TPM2_ALG_RSA);
  const TPM2B_PUBLIC_KEY_RSA& modulus = area->publicArea.unique.rsa;
  const openssl::BignumPtr n(BN_bin2bn(modulus.buffer, modulus.size, nullptr));
  OSSL_PARAM_BLD* const build = OSSL_PARAM_BLD_new();
  Must(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
       OSSL_PARAM_BLD_push_uint(build, OSSL_PKEY_PARAM_RSA_E, 65537) == 1);
  OSSL_PARAM* const parameters = OSSL_PARAM_BLD_to_param(build);
  const openssl::PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  Must(EVP_PKEY_fromdata_init(context.get()) == 1 &&
       EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters) == 1);
  OSSL_PARAM_free(parameters);
  OSSL_PARAM_BLD_free(build);
  return openssl::PkeyPtr(key);
}

Bytes Oaep(EVP_PKEY* key, absl::string_view label, BytesView secret) {
  const openssl::PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  const Bytes labelled = Label(label);
  void* const owned = OPENSSL_memdup(labelled.data(), labelled.size());
  Must(EVP_PKEY_encrypt_init(context.get()) == 1 &&
       EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) == 1 &&
       EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha256()) == 1 &&
       EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), EVP_sha256()) == 1 &&
       EVP_PKEY_CTX_set0_rsa_oaep_label(context.get(), owned, static_cast<int>(labelled.size())) == 1);
  size_t size = 0;
  Must(EVP_PKEY_encrypt(context.get(), nullptr, &size, secret.data(), secret.size()) == 1);
  Bytes result(size);
  Must(EVP_PKEY_encrypt(context.get(), result.data(), &size, secret.data(), secret.size()) == 1);
  result.resize(size);
  return result;
}

// `area` is a TPMT_PUBLIC.
Bytes NameOf(BytesView area) {
  Bytes name;
  Append16(name, TPM2_ALG_SHA256);
  Append(name, openssl::Sha256(area));
  return name;
}

// An encrypt-then-MAC wrapper under `seed`, bound to `name` (Part 1, 22.4).
Bytes Protect(BytesView seed, BytesView name, BytesView content) {
  const Bytes encrypted = AesCfb(KdfA(seed, "STORAGE", name, 128), content);
  const auto mac = openssl::HmacSha256(KdfA(seed, "INTEGRITY", {}, 256), Concat(encrypted, name));
  return Concat(Sized(mac), encrypted);
}

Bytes PublicArea(const Challenge& challenge, BytesView obfuscation) {
  Bytes area;
  Append16(area, TPM2_ALG_KEYEDHASH);
  Append16(area, TPM2_ALG_SHA256);
  Append32(area, challenge.attributes);
  Append16(area, 0);  // no policy
  Append16(area, TPM2_ALG_HMAC);
  Append16(area, TPM2_ALG_SHA256);
  Append(area, Sized(openssl::Sha256(Concat(obfuscation, challenge.hmac_key))));
  return area;
}

Bytes SensitiveArea(const Challenge& challenge, BytesView obfuscation) {
  Bytes area;
  Append16(area, TPM2_ALG_KEYEDHASH);
  Append16(area, 0);  // no password
  Append(area, Sized(obfuscation));
  Append(area, Sized(challenge.hmac_key));
  return Sized(area);
}

}  // namespace

std::array<Bytes, 5> WrapParts(const Challenge& challenge) {
  const Bytes obfuscation = openssl::RandomBytes(32);
  const Bytes inner_key = openssl::RandomBytes(kAesKeyBytes);
  const Bytes credential_seed = openssl::RandomBytes(32);
  const Bytes duplicate_seed = openssl::RandomBytes(32);

  const Bytes area = PublicArea(challenge, obfuscation);
  const Bytes name = NameOf(area);
  const Bytes sensitive = SensitiveArea(challenge, obfuscation);
  const Bytes inner = AesCfb(inner_key, Concat(Sized(openssl::Sha256(Concat(sensitive, name))), sensitive));
  const Bytes srk_name = NameOf(BytesView(challenge.storage_root_key).subspan(2));

  return {Sized(Protect(credential_seed, srk_name, Sized(inner_key))),
          Sized(Oaep(PublicKey(challenge.endorsement_key).get(), "IDENTITY", credential_seed)),
          Sized(Protect(duplicate_seed, name, inner)),
          Sized(Oaep(PublicKey(challenge.storage_root_key).get(), "DUPLICATE", duplicate_seed)), Sized(area)};
}

Bytes Join(const std::array<Bytes, 5>& parts) {
  return Concat(parts[0], parts[1], parts[2], parts[3], parts[4]);
}

Bytes Wrap(const Challenge& challenge) { return Join(WrapParts(challenge)); }

}  // namespace aziot::keyd::tpm
