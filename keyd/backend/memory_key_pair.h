// A key pair held in this process, and its PEM form on disk.
#pragma once

#include <memory>
#include <variant>

#include "absl/status/statusor.h"
#include "common/bytes/bytes.h"
#include "common/bytes/secret.h"
#include "common/openssl/owned.h"
#include "keyd/backend/algorithms.h"
#include "keyd/backend/context_pool.h"

namespace aziot::keyd {

// Thread-safe.
class MemoryKeyPair {
 public:
  static absl::StatusOr<std::unique_ptr<MemoryKeyPair>> Generate(KeyAlgorithm algorithm);
  // PKCS#8, PKCS#1 or SEC1. kInvalidArgument: not a whole private key, as a torn write leaves it.
  // kFailedPrecondition: whole, but not to be used: encrypted, of another algorithm, or something else than a
  // private key. kResourceExhausted: nothing is known about it, there was no memory to read it.
  static absl::StatusOr<std::unique_ptr<MemoryKeyPair>> ParsePem(BytesView pem);

  // Unencrypted PKCS#8.
  absl::StatusOr<Secret> FormatPem() const;

  KeyFamily family() const { return family_; }
  // Signing takes longer than a reactor may wait: all but P-256, the one curve OpenSSL has fast code for.
  bool is_slow() const { return slow_; }

  // kInvalidArgument: the other family's parameter, or the OID of a curve that is not P-256.
  absl::StatusOr<Bytes> PublicParameter(PairParameter parameter) const;
  // As KeyBackend::SignDigest. kInvalidArgument on an RSA pair.
  absl::StatusOr<Bytes> SignDigest(BytesView digest) const;
  // As KeyBackend::RsaPrivate. kInvalidArgument on an EC pair, kInternal for an input of the wrong length.
  absl::StatusOr<Bytes> RsaPrivate(RsaPadding padding, BytesView input) const;

 private:
  MemoryKeyPair(openssl::PkeyPtr key, KeyFamily family);

  const openssl::PkeyPtr key_;
  const KeyFamily family_;
  bool slow_ = true;
  mutable ContextPool<openssl::PkeyCtxPtr> signers_;
};

}  // namespace aziot::keyd
