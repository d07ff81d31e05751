// Where keys live and are used: the interface between keyd's service and a file store, a token or a TPM. A
// key never crosses it; it can only be used. Symmetric keys and key pairs are two kinds under one id.
//
// Refusals all backends share: kNotFound when there is no key of that kind; kInvalidArgument when the caller
// asked for what cannot be (no place for keys, the other kind, an RSA operation on an EC pair);
// kUnimplemented when this place cannot hold or use such a key, and another may; kUnavailable when what holds
// the keys is away for now (a token that was pulled, a TPM that is busy), so that nothing is known of them;
// anything else is the backend's own trouble. Every function may be called from any thread.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "common/bytes/bytes.h"
#include "common/bytes/secret.h"
#include "common/ids/id.h"
#include "common/ids/lane.h"
#include "keyd/backend/algorithms.h"

namespace aziot::keyd {

// What a call is going to do, for LaneOf.
enum class Operation {
  kLoad,
  kCreateKey,
  kImportKey,
  kCreateEcPair,
  kCreateRsaPair,
  kDelete,
  kMove,
  kParameter,
  kHmac,
  kAead,
  kEcdsa,
  kRsa,
};

using Mac = std::array<uint8_t, 32>;

// A queue of a backend's own: a token's or a TPM's.
struct BackendLane {
  Lane lane;
  int threads = 1;
};

// Inputs of AES-GCM beside the text (NIST SP 800-38D); views of the caller's bytes.
struct AeadParameters {
  BytesView iv;
  BytesView aad;
};

class KeyBackend {
 public:
  virtual ~KeyBackend() = default;

  // Where `operation` on `id` may run: inline only when it touches no disk that syncs and no token, and takes
  // less than some 100 µs.
  virtual Lane LaneOf(const KeyId& id, Operation operation) const = 0;
  // Those that LaneOf names, besides `cpu` and `peers`.
  virtual std::vector<BackendLane> Lanes() const { return {}; }

  // Keeps a usable symmetric key, or makes one. Simultaneous calls for one id make one key.
  virtual absl::Status CreateKey(const KeyId& id, KeyUsage usage) = 0;
  // Stores `bytes` (at least one), replacing a symmetric key.
  virtual absl::Status ImportKey(const KeyId& id, BytesView bytes, KeyUsage usage) = 0;
  virtual absl::Status LoadKey(const KeyId& id) = 0;
  // OK when there is none.
  virtual absl::Status DeleteKey(const KeyId& id) = 0;

  // HMAC-SHA256 (RFC 2104).
  virtual absl::StatusOr<Mac> Hmac(const KeyId& id, BytesView message) = 0;
  // Whether `mac` is Hmac(id, message), in constant time.
  virtual absl::StatusOr<bool> VerifyHmac(const KeyId& id, BytesView message, BytesView mac);
  // HMAC-SHA256(key, data) as a key: the one kind of key that may leave.
  virtual absl::StatusOr<Secret> Derive(const KeyId& id, BytesView data) = 0;
  // AES-GCM; `02`, ciphertext, 16 bytes of tag.
  virtual absl::StatusOr<Bytes> Encrypt(const KeyId& id, const AeadParameters& parameters,
                                        BytesView plaintext) = 0;
  virtual absl::StatusOr<Bytes> Decrypt(const KeyId& id, const AeadParameters& parameters,
                                        BytesView blob) = 0;

  // Keeps an existing pair whatever its algorithm, or makes one of the first of `preferred` the backend can
  // make.
  virtual absl::Status CreateKeyPair(const KeyId& id, std::span<const KeyAlgorithm> preferred) = 0;
  virtual absl::Status LoadKeyPair(const KeyId& id) = 0;
  // Renames `from` to `to`, replacing a pair there, atomically. kNotFound when there is no `from`.
  virtual absl::Status MoveKeyPair(const KeyId& from, const KeyId& to) = 0;
  virtual absl::Status DeleteKeyPair(const KeyId& id) = 0;

  virtual absl::StatusOr<KeyFamily> FamilyOf(const KeyId& id) = 0;
  virtual absl::StatusOr<Bytes> PublicParameter(const KeyId& id, PairParameter parameter) = 0;
  // DER SEQUENCE { r, s } over a ready-made digest; a longer one is cut to the order's length (FIPS
  // 186-5, 6.4.1).
  virtual absl::StatusOr<Bytes> SignDigest(const KeyId& id, BytesView digest) = 0;
  // RSA's private operation on `input`; as long as the modulus.
  virtual absl::StatusOr<Bytes> RsaPrivate(const KeyId& id, RsaPadding padding, BytesView input) = 0;
};

}  // namespace aziot::keyd
