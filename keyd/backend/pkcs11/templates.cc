#include "keyd/backend/pkcs11/templates.h"

#include <utility>

#include "keyd/backend/pkcs11/ckr.h"

namespace aziot::keyd::pkcs11 {
namespace {

constexpr uint8_t kP256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
constexpr uint8_t kExponent[] = {0x01, 0x00, 0x01};
constexpr CK_ULONG kHmacKeyBytes = 32;
constexpr CK_ULONG kAesKeyBytes[] = {32, 16};

Template SecretKey(SecretKind kind) {
  Template key;
  key.Number(CKA_CLASS, CKO_SECRET_KEY).Number(CKA_KEY_TYPE, KeyTypeOf(kind));
  key.Flag(CKA_TOKEN).Flag(CKA_PRIVATE).Flag(CKA_SENSITIVE);
  if (kind == SecretKind::kHmac) {
    key.Flag(CKA_SIGN).Flag(CKA_VERIFY);
  } else {
    key.Flag(CKA_ENCRYPT).Flag(CKA_DECRYPT);
  }
  return key;
}

bool RefusesAttributes(const absl::Status& status) {
  const auto code = CkrOf(status);
  return code == CKR_ATTRIBUTE_READ_ONLY || code == CKR_ATTRIBUTE_TYPE_INVALID ||
         code == CKR_ATTRIBUTE_VALUE_INVALID || code == CKR_TEMPLATE_INCONSISTENT ||
         code == CKR_TEMPLATE_INCOMPLETE;
}

}  // namespace

PairTemplates TemplatesOf(KeyAlgorithm algorithm) {
  const AlgorithmFacts& facts = FactsOf(algorithm);
  PairTemplates templates;
  templates.public_key.Flag(CKA_TOKEN).Flag(CKA_PRIVATE, false).Flag(CKA_ENCRYPT).Flag(CKA_VERIFY);
  templates.private_key.Flag(CKA_TOKEN)
      .Flag(CKA_PRIVATE)
      .Flag(CKA_SENSITIVE)
      .Flag(CKA_DECRYPT)
      .Flag(CKA_SIGN);
  if (facts.family == KeyFamily::kEc) {
    templates.mechanism = CKM_EC_KEY_PAIR_GEN;
    templates.public_key.Add(CKA_EC_PARAMS, kP256);
  } else {
    templates.mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN;
    templates.public_key.Number(CKA_MODULUS_BITS, static_cast<CK_ULONG>(facts.rsa_bits));
    templates.public_key.Add(CKA_PUBLIC_EXPONENT, kExponent);
  }
  return templates;
}

CK_KEY_TYPE KeyTypeOf(SecretKind kind) { return kind == SecretKind::kHmac ? CKK_GENERIC_SECRET : CKK_AES; }

std::vector<GenerationTemplate> GenerationTemplatesOf(SecretKind kind) {
  std::vector<GenerationTemplate> templates;
  if (kind == SecretKind::kHmac) {
    templates.push_back(
        {CKM_GENERIC_SECRET_KEY_GEN, std::move(SecretKey(kind).Number(CKA_VALUE_LEN, kHmacKeyBytes))});
    return templates;
  }
  for (const CK_ULONG bytes : kAesKeyBytes) {
    templates.push_back(
        {CKM_AES_KEY_GEN, std::move(SecretKey(kind).Number(CKA_VALUE_LEN, bytes).Flag(CKA_VERIFY))});
    templates.push_back({CKM_AES_KEY_GEN, std::move(SecretKey(kind).Number(CKA_VALUE_LEN, bytes))});
  }
  return templates;
}

Template ImportTemplate(SecretKind kind, BytesView value) {
  return std::move(SecretKey(kind).Add(CKA_VALUE, value));
}

absl::Status MakeWithWishes(
    const Template& naming,
    absl::FunctionRef<absl::Status(const Template& naming, const Template& secrecy)> make) {
  Template hidden;
  hidden.Flag(CKA_EXTRACTABLE, false);
  const Template no_wish;
  const Template unmarked = naming.Without(CKA_ID);
  absl::Status status;
  for (const Template* names : {&naming, &unmarked}) {
    for (const Template* secrecy : {&std::as_const(hidden), &no_wish}) {
      status = make(*names, *secrecy);
      if (!RefusesAttributes(status)) return status;
    }
  }
  return status;
}

}  // namespace aziot::keyd::pkcs11
