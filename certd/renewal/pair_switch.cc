#include "certd/renewal/pair_switch.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/log/log.h"
#include "common/openssl/certificate.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::certd {
namespace {

constexpr mode_t kPublicFile = 0644;

std::string WaitingFile(const PairSwitch::Names& names) { return names.file + ".new"; }

absl::Status Commit(const PairSwitch::Names& names) {
  return Annotate(files::Rename(WaitingFile(names), names.file),
                  "the key has moved, its certificate not yet");
}

// nullptr for a text whose first certificate cannot be read.
openssl::X509Ptr LeafOf(absl::string_view chain) {
  auto certificates = openssl::ParseCertificates(chain);
  if (!certificates.ok() || certificates->empty()) return nullptr;
  return std::move(certificates->front());
}

}  // namespace

absl::Status PairSwitch::Run(const Names& names, absl::string_view chain) {
  RETURN_IF_ERROR(Recover(names));
  const openssl::X509Ptr leaf = LeafOf(chain);
  const EVP_PKEY* key = leaf == nullptr ? nullptr : X509_get0_pubkey(leaf.get());
  if (key == nullptr) return absl::FailedPreconditionError("the new chain holds no certificate");
  ASSIGN_OR_RETURN(const bool fits, keys_.Holds(names.fresh_key, *key));
  if (!fits) {
    return absl::FailedPreconditionError(
        absl::StrCat("the new certificate's key is not the pair ", names.fresh_key.value()));
  }
  RETURN_IF_ERROR(files::Replace(WaitingFile(names), chain, kPublicFile));
  if (const absl::Status moved = keys_.Move(names.fresh_key, names.key); !moved.ok()) {
    const absl::StatusOr<bool> there = keys_.Holds(names.key, *key);
    if (!there.ok()) return Annotate(moved, "nobody knows yet whether the key has moved");
    if (!*there) {
      RETURN_IF_ERROR(files::Remove(WaitingFile(names)));
      return moved;
    }
  }
  return Commit(names);
}

absl::Status PairSwitch::Recover(const Names& names) {
  const absl::StatusOr<std::string> waiting = files::Read(WaitingFile(names));
  if (absl::IsNotFound(waiting.status())) return absl::OkStatus();
  RETURN_IF_ERROR(waiting.status());
  const openssl::X509Ptr leaf = LeafOf(*waiting);
  const EVP_PKEY* key = leaf == nullptr ? nullptr : X509_get0_pubkey(leaf.get());
  if (key != nullptr) {
    ASSIGN_OR_RETURN(const bool moved, keys_.Holds(names.key, *key));
    if (moved) return Commit(names);
    ASSIGN_OR_RETURN(const bool can_move, keys_.Holds(names.fresh_key, *key));
    if (can_move) {
      RETURN_IF_ERROR(keys_.Move(names.fresh_key, names.key));
      return Commit(names);
    }
  }
  log::Warn("a certificate that belongs to no key pair any more was given up: {}", WaitingFile(names));
  return files::Remove(WaitingFile(names));
}

}  // namespace aziot::certd
