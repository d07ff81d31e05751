// TPM structures as bytes, with their size before them (TPM 2.0 Part 2, chapter 12).
#pragma once

#include <tss2/tss2_tpm2_types.h>

#include "absl/status/statusor.h"
#include "common/bytes/bytes.h"

namespace aziot::keyd::tpm {

// kInvalidArgument unless `bytes` is one whole structure.
absl::StatusOr<TPM2B_PUBLIC> ParsePublic(BytesView bytes);
absl::StatusOr<TPM2B_PRIVATE> ParsePrivate(BytesView bytes);

// kInternal for what is no such structure, which a TPM does not give.
absl::StatusOr<Bytes> FormatPublic(const TPM2B_PUBLIC& object);
absl::StatusOr<Bytes> FormatPrivate(const TPM2B_PRIVATE& object);

}  // namespace aziot::keyd::tpm
