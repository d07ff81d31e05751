// How a certificate names the signature that SignatureSettings describe: RFC 4055, sections 3 and 5, and RFC
// 5758, 3.2.
#include <openssl/objects.h>
#include <openssl/rsa.h>

#include "openssl-engine/provider/signature_settings.h"

namespace aziot::openssl_engine {
namespace {

Bytes Encode(const X509_ALGOR* algorithm) {
  const int length = i2d_X509_ALGOR(algorithm, nullptr);
  if (length <= 0) return {};
  Bytes der(static_cast<size_t>(length));
  uint8_t* out = der.data();
  i2d_X509_ALGOR(algorithm, &out);
  return der;
}

AlgorPtr NewDigestId(const EVP_MD* md) {
  AlgorPtr id(X509_ALGOR_new());
  if (id != nullptr) X509_ALGOR_set_md(id.get(), md);
  return id;
}

// Packs `item` as the parameter of an AlgorithmIdentifier for `nid`.
AlgorPtr NewIdWithSequence(int nid, const ASN1_ITEM* type, void* item) {
  AlgorPtr id(X509_ALGOR_new());
  ASN1_STRING* packed = nullptr;
  if (id == nullptr || ASN1_item_pack(item, type, &packed) == nullptr) return nullptr;
  if (X509_ALGOR_set0(id.get(), OBJ_nid2obj(nid), V_ASN1_SEQUENCE, packed) != 1) {
    ASN1_STRING_free(packed);
    return nullptr;
  }
  return id;
}

AlgorPtr NewPssId(const SignatureSettings& settings, const EVP_PKEY* key) {
  using PssPtr = std::unique_ptr<RSA_PSS_PARAMS, FreeWith<RSA_PSS_PARAMS_free>>;
  const Result<size_t> salt = settings.ResolveSaltLength(key);
  const PssPtr pss(RSA_PSS_PARAMS_new());
  if (!salt.ok() || pss == nullptr) return nullptr;
  const EVP_MD* const md = settings.md.get();
  const EVP_MD* const mask_md = settings.mgf1_md != nullptr ? settings.mgf1_md.get() : md;
  // Defaults must be absent in DER: SHA-1 for both digests, a salt of 20 bytes.
  if (EVP_MD_get_type(md) != NID_sha1) pss->hashAlgorithm = NewDigestId(md).release();
  if (EVP_MD_get_type(mask_md) != NID_sha1) {
    const AlgorPtr digest = NewDigestId(mask_md);
    pss->maskGenAlgorithm = NewIdWithSequence(NID_mgf1, ASN1_ITEM_rptr(X509_ALGOR), digest.get()).release();
    if (pss->maskGenAlgorithm == nullptr) return nullptr;
  }
  if (*salt != 20) {
    pss->saltLength = ASN1_INTEGER_new();
    if (pss->saltLength == nullptr || ASN1_INTEGER_set(pss->saltLength, static_cast<long>(*salt)) != 1)
      return nullptr;
  }
  return NewIdWithSequence(NID_rsassaPss, ASN1_ITEM_rptr(RSA_PSS_PARAMS), pss.get());
}

}  // namespace

Bytes FormatAlgorithmId(const SignatureSettings& settings, const EVP_PKEY* key) {
  if (settings.md == nullptr) return {};
  const bool is_rsa = settings.type == KeyType::kRsa;
  AlgorPtr id;
  if (is_rsa && settings.padding == RSA_PKCS1_PSS_PADDING) {
    id = NewPssId(settings, key);
  } else if (!is_rsa || settings.padding == RSA_PKCS1_PADDING) {
    int nid = NID_undef;
    const int key_nid = is_rsa ? NID_rsaEncryption : NID_X9_62_id_ecPublicKey;
    if (OBJ_find_sigid_by_algs(&nid, EVP_MD_get_type(settings.md.get()), key_nid) != 1) return {};
    id.reset(X509_ALGOR_new());
    if (id != nullptr)
      X509_ALGOR_set0(id.get(), OBJ_nid2obj(nid), is_rsa ? V_ASN1_NULL : V_ASN1_UNDEF, nullptr);
  }
  return id == nullptr ? Bytes() : Encode(id.get());
}

}  // namespace aziot::openssl_engine
