#include "openssl-engine/provider/key_params.h"

#include <openssl/core_names.h>

namespace aziot::openssl_engine {
namespace {

#define AZIOT_EC_GROUP                                                                                  \
  OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, nullptr, 0),                                       \
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, nullptr, 0),                                  \
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, nullptr, 0),                   \
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_FIELD_TYPE, nullptr, 0),                                \
      OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_P, nullptr, 0), OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_A, nullptr, 0), \
      OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_B, nullptr, 0),                                                  \
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_EC_GENERATOR, nullptr, 0),                                \
      OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_ORDER, nullptr, 0),                                              \
      OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_COFACTOR, nullptr, 0),                                           \
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_EC_SEED, nullptr, 0)
#define AZIOT_RSA_PUBLIC \
  OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, nullptr, 0), OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, nullptr, 0)
#define AZIOT_EC_PUBLIC OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0)
#define AZIOT_FACTS                                                                                      \
  OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, nullptr), OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, nullptr), \
      OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, nullptr),                                                 \
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, nullptr, 0)

const OSSL_PARAM kRsaPublic[] = {AZIOT_RSA_PUBLIC, OSSL_PARAM_END};
const OSSL_PARAM kRsaPair[] = {
    AZIOT_RSA_PUBLIC,
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_D, nullptr, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR1, nullptr, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR2, nullptr, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT1, nullptr, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT2, nullptr, 0),
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, nullptr, 0),
    OSSL_PARAM_END,
};
const OSSL_PARAM kEcGroup[] = {AZIOT_EC_GROUP, OSSL_PARAM_END};
const OSSL_PARAM kEcPublic[] = {AZIOT_EC_GROUP, AZIOT_EC_PUBLIC, OSSL_PARAM_END};
const OSSL_PARAM kEcPair[] = {AZIOT_EC_GROUP, AZIOT_EC_PUBLIC,
                              OSSL_PARAM_BN(OSSL_PKEY_PARAM_PRIV_KEY, nullptr, 0), OSSL_PARAM_END};
const OSSL_PARAM kRsaFacts[] = {AZIOT_FACTS, AZIOT_RSA_PUBLIC, OSSL_PARAM_END};
const OSSL_PARAM kEcFacts[] = {AZIOT_FACTS, AZIOT_EC_GROUP, AZIOT_EC_PUBLIC,
                               OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, nullptr, 0),
                               OSSL_PARAM_END};
const OSSL_PARAM kChangeable[] = {
    OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, nullptr, 0),
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, nullptr, 0),
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, nullptr, 0), OSSL_PARAM_END};

}  // namespace

const OSSL_PARAM* KeyParams(KeyType type, int selection) {
  const bool is_rsa = type == KeyType::kRsa;
  if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0) return is_rsa ? kRsaPair : kEcPair;
  if ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0) return is_rsa ? kRsaPublic : kEcPublic;
  if (!is_rsa && (selection & OSSL_KEYMGMT_SELECT_ALL_PARAMETERS) != 0) return kEcGroup;
  return nullptr;
}

const OSSL_PARAM* KeyFacts(KeyType type) { return type == KeyType::kRsa ? kRsaFacts : kEcFacts; }

const OSSL_PARAM* ChangeableKeyFacts() { return kChangeable; }

}  // namespace aziot::openssl_engine
