// What the TPM itself does with keys: makes them under a storage key, loads them, and uses them. Knows no ids
// and no files.
#pragma once

#include <tss2/tss2_esys.h>

#include <map>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "common/bytes/bytes.h"
#include "common/bytes/secret.h"
#include "keyd/backend/algorithms.h"
#include "keyd/backend/key_backend.h"
#include "keyd/backend/memory_key.h"
#include "keyd/backend/tpm2/tpm_key.h"
#include "keyd/tpm/tpm.h"

namespace aziot::keyd::tpm2 {

// Thread-safe. Besides the codes of keyd/tpm: kFailedPrecondition for a key of another TPM, and for a storage
// key that cannot be used; kUnimplemented for a key this TPM cannot make.
class TpmKeys {
 public:
  // New keys are made under the storage key at `parent`, whose password is `parent_auth`.
  TpmKeys(std::shared_ptr<tpm::Tpm> tpm, TPM2_HANDLE parent, Secret parent_auth)
      : tpm_(std::move(tpm)), parent_(parent), parent_auth_(std::move(parent_auth)) {}

  absl::StatusOr<Tss2Key> CreatePair(KeyAlgorithm algorithm);
  absl::StatusOr<Tss2Key> CreateHmacKey();
  // `bytes` of any length.
  absl::StatusOr<Tss2Key> ImportHmacKey(BytesView bytes);
  // At most kMostSealedBytes.
  absl::StatusOr<Tss2Key> Seal(BytesView bytes);

  // Whether this TPM can use `key` at all; remembered in it when it can.
  absl::Status Prove(const TpmKey& key);

  // Of an EC pair: ASN.1 ECDSA-Sig-Value.
  absl::StatusOr<Bytes> Sign(const TpmKey& key, BytesView digest);
  // Of an RSA pair: `input` as long as the modulus.
  absl::StatusOr<Bytes> RsaPrivate(const TpmKey& key, BytesView input);
  absl::StatusOr<Mac> Hmac(const TpmKey& key, BytesView message);
  // The same, and nobody on the bus learns the answer (of up to 1,024 bytes of data: a sequence cannot hide
  // it).
  absl::StatusOr<Secret> Derive(const TpmKey& key, BytesView data);
  // Kept for a moment, as long as the TPM is held.
  absl::StatusOr<std::shared_ptr<const MemoryKey>> Unseal(const TpmKey& key);

  // The key at a persistent handle; kNotFound when there is none.
  absl::StatusOr<std::shared_ptr<const TpmKey>> ReadHandle(TPM2_HANDLE handle);

 private:
  using Work = absl::FunctionRef<absl::Status(tpm::TpmContext&, ESYS_TR key)>;

  absl::StatusOr<Tss2Key> Create(const TPM2B_PUBLIC& key_template, BytesView sensitive);
  // Runs `work` with the key in the TPM.
  absl::Status With(const TpmKey& key, Work work);
  absl::StatusOr<ESYS_TR> Bring(tpm::TpmContext& tpm, const TpmKey& key);
  absl::StatusOr<tpm::Transient> Load(tpm::TpmContext& tpm, const TpmKey& key);
  absl::StatusOr<ESYS_TR> OurParent(tpm::TpmContext& tpm);
  absl::StatusOr<ESYS_TR> ParentSession(tpm::TpmContext& tpm, ESYS_TR parent, TPMA_SESSION attributes);
  absl::Status ExplainParent(const absl::Status& status);

  const std::shared_ptr<tpm::Tpm> tpm_;
  const TPM2_HANDLE parent_;
  const Secret parent_auth_;
  // Guarded by tpm_->Use. A wrong password costs one of the TPM's few tries: it is not tried again.
  absl::Status refused_;
  std::map<std::string, absl::Status> refused_keys_;  // by name
  bool parent_checked_ = false;
};

}  // namespace aziot::keyd::tpm2
