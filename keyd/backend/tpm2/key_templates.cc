#include "keyd/backend/tpm2/key_templates.h"

namespace aziot::keyd::tpm2 {
namespace {

constexpr TPMA_OBJECT kSealedAttributes =
    TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA;
constexpr TPMA_OBJECT kGivenAttributes = kSealedAttributes | TPMA_OBJECT_SIGN_ENCRYPT;
constexpr TPMA_OBJECT kSignAttributes = kGivenAttributes | TPMA_OBJECT_SENSITIVEDATAORIGIN;

TPM2B_PUBLIC Template(TPMI_ALG_PUBLIC type, TPMA_OBJECT attributes) {
  TPM2B_PUBLIC made{};
  made.publicArea.type = type;
  made.publicArea.nameAlg = TPM2_ALG_SHA256;
  made.publicArea.objectAttributes = attributes;
  return made;
}

}  // namespace

TPM2B_PUBLIC PairTemplate(KeyAlgorithm algorithm) {
  const AlgorithmFacts& facts = FactsOf(algorithm);
  if (facts.family == KeyFamily::kEc) {
    TPM2B_PUBLIC made = Template(TPM2_ALG_ECC, kSignAttributes);
    TPMS_ECC_PARMS& parameters = made.publicArea.parameters.eccDetail;
    parameters.symmetric.algorithm = TPM2_ALG_NULL;
    parameters.scheme.scheme = TPM2_ALG_NULL;
    parameters.curveID = TPM2_ECC_NIST_P256;
    parameters.kdf.scheme = TPM2_ALG_NULL;
    return made;
  }
  // Signing needs the raw private operation, which the TPM calls decryption.
  TPM2B_PUBLIC made = Template(TPM2_ALG_RSA, kSignAttributes | TPMA_OBJECT_DECRYPT);
  TPMS_RSA_PARMS& parameters = made.publicArea.parameters.rsaDetail;
  parameters.symmetric.algorithm = TPM2_ALG_NULL;
  parameters.scheme.scheme = TPM2_ALG_NULL;
  parameters.keyBits = static_cast<TPMI_RSA_KEY_BITS>(facts.rsa_bits);
  return made;
}

TPM2B_PUBLIC HmacTemplate(Origin origin) {
  TPM2B_PUBLIC made =
      Template(TPM2_ALG_KEYEDHASH, origin == Origin::kTpm ? kSignAttributes : kGivenAttributes);
  TPMT_KEYEDHASH_SCHEME& scheme = made.publicArea.parameters.keyedHashDetail.scheme;
  scheme.scheme = TPM2_ALG_HMAC;
  scheme.details.hmac.hashAlg = TPM2_ALG_SHA256;
  return made;
}

TPM2B_PUBLIC SealTemplate() {
  TPM2B_PUBLIC made = Template(TPM2_ALG_KEYEDHASH, kSealedAttributes);
  made.publicArea.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
  return made;
}

}  // namespace aziot::keyd::tpm2
