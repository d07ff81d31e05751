/*
 * aziot-keys.h: what a key library must offer to keep and use the keys of aziot-keyd.
 *
 * A key library is a shared object named by `key_library` in keyd's configuration. keyd then keeps no key
 * itself: each key is created, held and used by the library, for example in a secure element. The library
 * exports one function, aziot_keys_get_function_list, and everything else is called through the list that
 * this function returns.
 *
 * Calls. keyd makes one call at a time, but not always from the same thread. It runs the library in a process
 * of its own: a library that ends its process ends no other key's service, and is loaded again.
 *
 * Strings end with a NUL, are UTF-8, and belong to the caller: they are valid until the function returns. A
 * key id is any text, also the empty one. Buffers are a pointer and a length in bytes, and belong to the
 * caller as well. keyd never passes NULL for a buffer, even when its length is 0; a library may refuse NULL
 * with AZIOT_KEYS_RC_ERR_INVALID_PARAMETER.
 *
 * Output. Functions that give bytes take `out` and `inout_len`. With `out` NULL, the function stores in
 * *inout_len an upper bound of what it will give, and returns AZIOT_KEYS_RC_OK; it should not do the real
 * operation then, only say how much room to make. Otherwise *inout_len is the room at `out`. When that is too
 * little, the function returns AZIOT_KEYS_RC_ERR_INVALID_PARAMETER; else it writes its bytes and stores their
 * exact number in *inout_len, which may be less than the upper bound but never more than the room: keyd ends
 * the process then, whose memory is damaged.
 *
 * Keys and key pairs are told apart by the function that is called, but share their ids: an id names one or
 * the other.
 */
#ifndef AZIOT_KEYS_H
#define AZIOT_KEYS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- return codes --- */

typedef unsigned int AZIOT_KEYS_RC;

#define AZIOT_KEYS_RC_OK 0u
/* A parameter cannot be used: no such key, a wrong length or an unknown mechanism. keyd's client sees 400. */
#define AZIOT_KEYS_RC_ERR_INVALID_PARAMETER 1u
/* The library could not do its work: a device or a disk failed. keyd's client sees 500, as for every other
 * code. */
#define AZIOT_KEYS_RC_ERR_EXTERNAL 2u

/* --- versions --- */

/* One byte for each part: 0x02010000 is 2.1.0.0. */
typedef unsigned int AZIOT_KEYS_VERSION;

#define AZIOT_KEYS_VERSION_2_0_0_0 0x02000000u
#define AZIOT_KEYS_VERSION_2_1_0_0 0x02010000u

/* --- words --- */

/* What a symmetric key is for; bits that may be combined. Deriving and signing are one capability. */
typedef unsigned int AZIOT_KEYS_KEY_USAGE;

#define AZIOT_KEYS_KEY_USAGE_DERIVE 0x01u
#define AZIOT_KEYS_KEY_USAGE_SIGN 0x01u
#define AZIOT_KEYS_KEY_USAGE_ENCRYPT 0x10u

/* What get_key_pair_parameter gives. */
typedef unsigned int AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE;

/* One AZIOT_KEYS_KEY_PAIR_PARAMETER_ALGORITHM, in the machine's byte order. keyd asks for it with a single
 * call, with room for exactly that. */
#define AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE_ALGORITHM 1u
/* The OBJECT IDENTIFIER of the curve, in DER, tag and length included. */
#define AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE_EC_CURVE_OID 2u
/* The public point as SEC 1, 2.3.3 writes it, compressed where possible; no DER around it. */
#define AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE_EC_POINT 3u
/* Unsigned, most significant byte first, without leading zeros. */
#define AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE_RSA_MODULUS 4u
#define AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE_RSA_EXPONENT 5u

typedef unsigned int AZIOT_KEYS_KEY_PAIR_PARAMETER_ALGORITHM;

#define AZIOT_KEYS_KEY_PAIR_PARAMETER_ALGORITHM_EC 1u
#define AZIOT_KEYS_KEY_PAIR_PARAMETER_ALGORITHM_RSA 2u

/* How sign and verify work. */
typedef unsigned int AZIOT_KEYS_SIGN_MECHANISM;

/* With an EC pair, over a ready digest; the signature is the DER SEQUENCE { r, s }. `parameters` is ignored.
 */
#define AZIOT_KEYS_SIGN_MECHANISM_ECDSA 1u
/* With a key, over a message of any length; 32 bytes. `parameters` is ignored. */
#define AZIOT_KEYS_SIGN_MECHANISM_HMAC_SHA256 2u
/* With a key derived from the one that is named. `parameters` is an AZIOT_KEYS_SIGN_DERIVED_PARAMETERS. */
#define AZIOT_KEYS_SIGN_MECHANISM_DERIVED 3u

/* How encrypt and decrypt work. */
typedef unsigned int AZIOT_KEYS_ENCRYPT_MECHANISM;

/* With a key: authenticated encryption. `parameters` is an AZIOT_KEYS_ENCRYPT_AEAD_PARAMETERS. What the
 * ciphertext looks like is up to the library, which must always be able to decrypt what it once gave. */
#define AZIOT_KEYS_ENCRYPT_MECHANISM_AEAD 1u
/* With an RSA pair, encrypt only: the private operation on the plaintext, padded as EMSA-PKCS1-v1_5 does (RFC
 * 8017, 9.2) but without a DigestInfo of its own. As long as the modulus. `parameters` is ignored. */
#define AZIOT_KEYS_ENCRYPT_MECHANISM_RSA_PKCS1 2u
/* With an RSA pair, encrypt only: the private operation on a plaintext that is as long as the modulus.
 * `parameters` is ignored. */
#define AZIOT_KEYS_ENCRYPT_MECHANISM_RSA_NO_PADDING 3u
/* With a key derived from the one that is named. `parameters` is an AZIOT_KEYS_ENCRYPT_DERIVED_PARAMETERS. */
#define AZIOT_KEYS_ENCRYPT_MECHANISM_DERIVED 4u

typedef struct AZIOT_KEYS_SIGN_DERIVED_PARAMETERS {
  const unsigned char *derivation_data;
  uintptr_t derivation_data_len;
  AZIOT_KEYS_SIGN_MECHANISM mechanism; /* of the derived key */
  const void *parameters;              /* of that mechanism */
} AZIOT_KEYS_SIGN_DERIVED_PARAMETERS;

typedef struct AZIOT_KEYS_ENCRYPT_AEAD_PARAMETERS {
  const unsigned char *iv; /* of any length, 12 and 32 bytes are in use; may repeat */
  uintptr_t iv_len;
  const unsigned char *aad;
  uintptr_t aad_len;
} AZIOT_KEYS_ENCRYPT_AEAD_PARAMETERS;

typedef struct AZIOT_KEYS_ENCRYPT_DERIVED_PARAMETERS {
  const unsigned char *derivation_data;
  uintptr_t derivation_data_len;
  AZIOT_KEYS_ENCRYPT_MECHANISM mechanism; /* of the derived key */
  const void *parameters;                 /* of that mechanism */
} AZIOT_KEYS_ENCRYPT_DERIVED_PARAMETERS;

/* --- functions --- */

/* Sets an option of the library. keyd passes each entry of [aziot_keys], sorted by name, and then each of
 * [preloaded_keys] as `preloaded_key:<id>`, sorted by id, before any other call. Such an entry binds the id
 * to the place that `value`, a URI, names. `value` may be NULL. A name or value that the library does not
 * know is refused, and keyd does not start. */
typedef AZIOT_KEYS_RC (*AZIOT_KEYS_SET_PARAMETER)(const char *name, const char *value);

/* Makes a key pair, unless `id` holds a usable one already, whatever its algorithm. `preferred_algorithms` is
 * a list of words with colons between them, in order of preference: `ec-p256`, `rsa-2048`, `rsa-4096` and
 * `*`, any; words that are not known are skipped. NULL stands for `*`. */
typedef AZIOT_KEYS_RC (*AZIOT_KEYS_CREATE_KEY_PAIR_IF_NOT_EXISTS)(const char *id,
                                                                  const char *preferred_algorithms);

/* Gives the pair `from` the id `to`, and removes the pair that was there. Since 2.1. */
typedef AZIOT_KEYS_RC (*AZIOT_KEYS_MOVE_KEY_PAIR)(const char *from, const char *to);

/* Whether the pair is there and can be used; AZIOT_KEYS_RC_ERR_INVALID_PARAMETER when there is none. */
typedef AZIOT_KEYS_RC (*AZIOT_KEYS_LOAD_KEY_PAIR)(const char *id);

/* A public parameter of the pair. AZIOT_KEYS_RC_ERR_INVALID_PARAMETER when its algorithm has no such
 * parameter. */
typedef AZIOT_KEYS_RC (*AZIOT_KEYS_GET_KEY_PAIR_PARAMETER)(const char *id,
                                                           AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE type,
                                                           unsigned char *out, uintptr_t *inout_len);

/* Removes the pair; AZIOT_KEYS_RC_OK when there is none. Since 2.1. */
typedef AZIOT_KEYS_RC (*AZIOT_KEYS_DELETE_KEY_PAIR)(const char *id);

/* Makes a symmetric key, unless `id` holds a usable one already. */
typedef AZIOT_KEYS_RC (*AZIOT_KEYS_CREATE_KEY_IF_NOT_EXISTS)(const char *id, AZIOT_KEYS_KEY_USAGE usage);

/* Whether the key is there and can be used; AZIOT_KEYS_RC_ERR_INVALID_PARAMETER when there is none. */
typedef AZIOT_KEYS_RC (*AZIOT_KEYS_LOAD_KEY)(const char *id);

/* Keeps `bytes` as the key, in place of one that is there. */
typedef AZIOT_KEYS_RC (*AZIOT_KEYS_IMPORT_KEY)(const char *id, const unsigned char *bytes,
                                               uintptr_t bytes_len, AZIOT_KEYS_KEY_USAGE usage);

/* Removes the key; AZIOT_KEYS_RC_OK when there is none. Since 2.1. */
typedef AZIOT_KEYS_RC (*AZIOT_KEYS_DELETE_KEY)(const char *id);

/* A key computed from the key `base_id` and the data: HMAC-SHA256(key, data). It is the key that the derived
 * mechanisms of sign and encrypt use, and the one kind of key that leaves the library. */
typedef AZIOT_KEYS_RC (*AZIOT_KEYS_DERIVE_KEY)(const char *base_id, const unsigned char *derivation_data,
                                               uintptr_t derivation_data_len, unsigned char *out,
                                               uintptr_t *inout_len);

/* A signature of the digest, or of the message where the mechanism takes one. A digest that is longer than
 * the order of the curve counts with its leftmost bytes (FIPS 186-5, 6.4.1). */
typedef AZIOT_KEYS_RC (*AZIOT_KEYS_SIGN)(const char *id, AZIOT_KEYS_SIGN_MECHANISM mechanism,
                                         const void *parameters, const unsigned char *digest,
                                         uintptr_t digest_len, unsigned char *out, uintptr_t *inout_len);

/* Stores in *ok whether the signature is one of the digest: not 0 when it is. keyd calls it with
 * AZIOT_KEYS_SIGN_MECHANISM_HMAC_SHA256 only, to check the handles it has given out. */
typedef AZIOT_KEYS_RC (*AZIOT_KEYS_VERIFY)(const char *id, AZIOT_KEYS_SIGN_MECHANISM mechanism,
                                           const void *parameters, const unsigned char *digest,
                                           uintptr_t digest_len, const unsigned char *signature,
                                           uintptr_t signature_len, int *ok);

/* A ciphertext of the plaintext. */
typedef AZIOT_KEYS_RC (*AZIOT_KEYS_ENCRYPT)(const char *id, AZIOT_KEYS_ENCRYPT_MECHANISM mechanism,
                                            const void *parameters, const unsigned char *plaintext,
                                            uintptr_t plaintext_len, unsigned char *out,
                                            uintptr_t *inout_len);

/* The plaintext of a ciphertext that encrypt gave. */
typedef AZIOT_KEYS_RC (*AZIOT_KEYS_DECRYPT)(const char *id, AZIOT_KEYS_ENCRYPT_MECHANISM mechanism,
                                            const void *parameters, const unsigned char *ciphertext,
                                            uintptr_t ciphertext_len, unsigned char *out,
                                            uintptr_t *inout_len);

/* --- the list --- */

/* What every list begins with. */
typedef struct AZIOT_KEYS_FUNCTION_LIST {
  AZIOT_KEYS_VERSION version;
} AZIOT_KEYS_FUNCTION_LIST;

/* No pointer may be NULL. */
typedef struct AZIOT_KEYS_FUNCTION_LIST_2_1_0_0 {
  AZIOT_KEYS_FUNCTION_LIST base; /* AZIOT_KEYS_VERSION_2_1_0_0 */
  AZIOT_KEYS_SET_PARAMETER set_parameter;
  AZIOT_KEYS_CREATE_KEY_PAIR_IF_NOT_EXISTS create_key_pair_if_not_exists;
  AZIOT_KEYS_MOVE_KEY_PAIR move_key_pair;
  AZIOT_KEYS_LOAD_KEY_PAIR load_key_pair;
  AZIOT_KEYS_GET_KEY_PAIR_PARAMETER get_key_pair_parameter;
  AZIOT_KEYS_DELETE_KEY_PAIR delete_key_pair;
  AZIOT_KEYS_CREATE_KEY_IF_NOT_EXISTS create_key_if_not_exists;
  AZIOT_KEYS_LOAD_KEY load_key;
  AZIOT_KEYS_IMPORT_KEY import_key;
  AZIOT_KEYS_DELETE_KEY delete_key;
  AZIOT_KEYS_DERIVE_KEY derive_key;
  AZIOT_KEYS_SIGN sign;
  AZIOT_KEYS_VERIFY verify;
  AZIOT_KEYS_ENCRYPT encrypt;
  AZIOT_KEYS_DECRYPT decrypt;
} AZIOT_KEYS_FUNCTION_LIST_2_1_0_0;

/* Neither moves nor deletes: keyd's clients are told that it was done, and the key stays. */
typedef struct AZIOT_KEYS_FUNCTION_LIST_2_0_0_0 {
  AZIOT_KEYS_FUNCTION_LIST base; /* AZIOT_KEYS_VERSION_2_0_0_0 */
  AZIOT_KEYS_SET_PARAMETER set_parameter;
  AZIOT_KEYS_CREATE_KEY_PAIR_IF_NOT_EXISTS create_key_pair_if_not_exists;
  AZIOT_KEYS_LOAD_KEY_PAIR load_key_pair;
  AZIOT_KEYS_GET_KEY_PAIR_PARAMETER get_key_pair_parameter;
  AZIOT_KEYS_CREATE_KEY_IF_NOT_EXISTS create_key_if_not_exists;
  AZIOT_KEYS_LOAD_KEY load_key;
  AZIOT_KEYS_IMPORT_KEY import_key;
  AZIOT_KEYS_DERIVE_KEY derive_key;
  AZIOT_KEYS_SIGN sign;
  AZIOT_KEYS_VERIFY verify;
  AZIOT_KEYS_ENCRYPT encrypt;
  AZIOT_KEYS_DECRYPT decrypt;
} AZIOT_KEYS_FUNCTION_LIST_2_0_0_0;

/*
 * The one function that a key library exports. It stores in *function_list the list of `version`, which stays
 * valid as long as the library is loaded and belongs to it, and returns AZIOT_KEYS_RC_OK; or it returns
 * AZIOT_KEYS_RC_ERR_INVALID_PARAMETER for a version it does not have. keyd asks for 2.1.0.0 and then
 * for 2.0.0.0.
 */
AZIOT_KEYS_RC aziot_keys_get_function_list(AZIOT_KEYS_VERSION version,
                                           const AZIOT_KEYS_FUNCTION_LIST **function_list);

#ifdef __cplusplus
}
#endif

#endif /* AZIOT_KEYS_H */
