#include "tests/bench/esys_floor.h"

#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

#include <cstring>
#include <memory>

namespace aziot::bench {
namespace {

// A connection with one key loaded; nothing when it could not be made.
class LoadedKey {
 public:
  LoadedKey(const std::string& tcti, const TPM2B_PUBLIC& shape) {
    if (Tss2_TctiLdr_Initialize(tcti.c_str(), &tcti_) != TSS2_RC_SUCCESS ||
        Esys_Initialize(&esys_, tcti_, nullptr) != TSS2_RC_SUCCESS) {
      return;
    }
    const TPM2B_SENSITIVE_CREATE nothing{};
    const TPM2B_DATA outside{};
    const TPML_PCR_SELECTION pcrs{};
    ok_ = Esys_CreatePrimary(esys_, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &nothing,
                             &shape, &outside, &pcrs, &key_, nullptr, nullptr, nullptr,
                             nullptr) == TSS2_RC_SUCCESS;
  }
  LoadedKey(const LoadedKey&) = delete;
  LoadedKey& operator=(const LoadedKey&) = delete;
  ~LoadedKey() {
    if (ok_) Esys_FlushContext(esys_, key_);
    if (esys_ != nullptr) Esys_Finalize(&esys_);
    if (tcti_ != nullptr) Tss2_TctiLdr_Finalize(&tcti_);
  }

  bool Sign() const {
    if (!ok_) return false;
    TPM2B_DIGEST digest{.size = 32};
    std::memset(digest.buffer, 3, digest.size);
    TPMT_SIG_SCHEME scheme{.scheme = TPM2_ALG_ECDSA};
    scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
    const TPMT_TK_HASHCHECK none{.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
    TPMT_SIGNATURE* signature = nullptr;
    const TSS2_RC rc = Esys_Sign(esys_, key_, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &digest, &scheme,
                                 &none, &signature);
    Esys_Free(signature);
    return rc == TSS2_RC_SUCCESS;
  }
  bool Hmac() const {
    if (!ok_) return false;
    TPM2B_MAX_BUFFER message{.size = 32};
    std::memset(message.buffer, 2, message.size);
    TPM2B_DIGEST* mac = nullptr;
    const TSS2_RC rc =
        Esys_HMAC(esys_, key_, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &message, TPM2_ALG_SHA256, &mac);
    Esys_Free(mac);
    return rc == TSS2_RC_SUCCESS;
  }

 private:
  TSS2_TCTI_CONTEXT* tcti_ = nullptr;
  ESYS_CONTEXT* esys_ = nullptr;
  ESYS_TR key_ = ESYS_TR_NONE;
  bool ok_ = false;
};

constexpr TPMA_OBJECT kOurs = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                              TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
                              TPMA_OBJECT_SIGN_ENCRYPT;

TPM2B_PUBLIC EcShape() {
  TPM2B_PUBLIC shape{};
  shape.publicArea = {.type = TPM2_ALG_ECC, .nameAlg = TPM2_ALG_SHA256, .objectAttributes = kOurs};
  TPMS_ECC_PARMS& ec = shape.publicArea.parameters.eccDetail;
  ec.symmetric.algorithm = TPM2_ALG_NULL;
  ec.scheme.scheme = TPM2_ALG_NULL;
  ec.curveID = TPM2_ECC_NIST_P256;
  ec.kdf.scheme = TPM2_ALG_NULL;
  return shape;
}

TPM2B_PUBLIC HmacShape() {
  TPM2B_PUBLIC shape{};
  shape.publicArea = {.type = TPM2_ALG_KEYEDHASH, .nameAlg = TPM2_ALG_SHA256, .objectAttributes = kOurs};
  TPMT_KEYEDHASH_SCHEME& scheme = shape.publicArea.parameters.keyedHashDetail.scheme;
  scheme.scheme = TPM2_ALG_HMAC;
  scheme.details.hmac.hashAlg = TPM2_ALG_SHA256;
  return shape;
}

}  // namespace

Worker EsysEcdsa(const std::string& tcti) {
  return [tcti](int) -> Operation {
    auto key = std::make_shared<LoadedKey>(tcti, EcShape());
    return [key] { return key->Sign(); };
  };
}

Worker EsysHmac(const std::string& tcti) {
  return [tcti](int) -> Operation {
    auto key = std::make_shared<LoadedKey>(tcti, HmacShape());
    return [key] { return key->Hmac(); };
  };
}

}  // namespace aziot::bench
