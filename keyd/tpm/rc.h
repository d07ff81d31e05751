// The TSS's response codes (TSS2_RC) as statuses: the one place that knows which of them mean "later", "the
// connection is gone" or "the TPM has forgotten this". Every status made here keeps its code for those who
// must tell them apart.
#pragma once

#include <tss2/tss2_common.h>
#include <tss2/tss2_tpm2_types.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace aziot::keyd::tpm {

// OK for TSS2_RC_SUCCESS. kUnavailable: nothing is known of the keys for now (no TPM, busy, full, in
// lockout); kUnimplemented: this TPM lacks the command; else kInternal. `command` is its name in the
// standard: "TPM2_Load".
absl::Status ToStatus(TSS2_RC rc, absl::string_view command);

// The code a status was made of; TSS2_RC_SUCCESS when it comes from elsewhere.
TSS2_RC RcOf(const absl::Status& status);

// The TPM's own error without the layer that reported it and without the number of the handle, session or
// parameter it is about (TPM 2.0 Part 2, 6.6): TPM2_RC_INTEGRITY for 0x1DF. TSS2_RC_SUCCESS when it was not
// the TPM that refused.
TPM2_RC ErrorOf(TSS2_RC rc);
inline TPM2_RC ErrorOf(const absl::Status& status) { return ErrorOf(RcOf(status)); }

// The same command may succeed in a moment.
bool IsBusy(TSS2_RC rc);
// No room for an object or a session: others (or we) must let go of one first.
bool IsFull(TSS2_RC rc);
// A transient object or a session we hold is no longer there: the TPM was reset, or someone flushed it.
bool IsForgotten(TSS2_RC rc);
// What carries commands to the TPM broke, or its answers make no sense.
bool IsBroken(TSS2_RC rc);

}  // namespace aziot::keyd::tpm
