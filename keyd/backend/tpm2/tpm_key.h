// A key whose private part only the TPM can use: what its public area says, and how the TPM finds it.
#pragma once

#include <tss2/tss2_tpm2_types.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/bytes/bytes.h"
#include "keyd/backend/algorithms.h"
#include "keyd/backend/tpm2/tss2_pem.h"

namespace aziot::keyd::tpm2 {

// Thread-safe.
class TpmKey {
 public:
  enum class Kind { kSign, kSealed, kEcPair, kRsaPair };

  // kFailedPrecondition, with the reason, for a key that cannot be used here: it has a password or a policy,
  // is a storage key, or lies under a parent we cannot name.
  static absl::StatusOr<std::shared_ptr<const TpmKey>> FromFile(const Tss2Key& file);
  // A persistent object.
  static absl::StatusOr<std::shared_ptr<const TpmKey>> AtHandle(TPM2_HANDLE handle, const TPM2B_PUBLIC& area);

  Kind kind() const { return kind_; }
  bool is_pair() const { return kind_ == Kind::kEcPair || kind_ == Kind::kRsaPair; }
  std::optional<KeyFamily> family() const;
  const TPMT_PUBLIC& area() const { return file_.area.publicArea; }

  // 0 when it must be loaded from its file.
  TPM2_HANDLE handle() const { return handle_; }
  const Tss2Key& file() const { return file_; }
  // Different for different keys.
  const std::string& name() const { return name_; }

  // As KeyBackend's; only of pairs.
  absl::StatusOr<Bytes> PublicParameter(PairParameter parameter) const;

  // This TPM has loaded it before, so that its file is sound and its own.
  bool proven() const { return proven_; }
  void SetProven(bool proven) const { proven_ = proven; }

 private:
  TpmKey(Kind kind, TPM2_HANDLE handle, const Tss2Key& file, std::string name)
      : kind_(kind), handle_(handle), file_(file), name_(std::move(name)) {}

  const Kind kind_;
  const TPM2_HANDLE handle_;
  const Tss2Key file_;
  const std::string name_;
  mutable std::atomic<bool> proven_ = false;
};

}  // namespace aziot::keyd::tpm2
