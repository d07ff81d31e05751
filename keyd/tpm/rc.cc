#include "keyd/tpm/rc.h"

#include <tss2/tss2_rc.h>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"

namespace aziot::keyd::tpm {
namespace {

constexpr absl::string_view kPayload = "aziot/tss2-rc";

TSS2_RC LayerOf(TSS2_RC rc) { return rc & TSS2_RC_LAYER_MASK; }

// Codes of a resource manager stand for the TPM's.
bool IsTpms(TSS2_RC rc) {
  return LayerOf(rc) == TSS2_TPM_RC_LAYER || LayerOf(rc) == TSS2_RESMGR_TPM_RC_LAYER;
}

absl::StatusCode CodeOf(TSS2_RC rc) {
  if (IsBroken(rc) || IsBusy(rc) || IsFull(rc) || IsForgotten(rc)) return absl::StatusCode::kUnavailable;
  switch (ErrorOf(rc)) {
    case TPM2_RC_LOCKOUT:
    case TPM2_RC_INITIALIZE:
    case TPM2_RC_FAILURE:
    case TPM2_RC_REBOOT:
      return absl::StatusCode::kUnavailable;
    case TPM2_RC_COMMAND_CODE:
      return absl::StatusCode::kUnimplemented;
    default:
      return absl::StatusCode::kInternal;
  }
}

// What a person can do about it.
absl::string_view AdviceFor(TSS2_RC rc) {
  if (IsBroken(rc)) return "; the TPM cannot be reached, it is tried again with the next request";
  if (IsFull(rc)) {
    return "; other programs keep the TPM's object memory full: use the resource manager (/dev/tpmrm0), or "
           "free it with tpm2_flushcontext";
  }
  switch (ErrorOf(rc)) {
    case TPM2_RC_LOCKOUT:
      return "; too many wrong passwords: wait for the TPM's recovery time, or reset it with "
             "tpm2_dictionarylockout --clear-lockout";
    case TPM2_RC_INITIALIZE:
      return "; TPM2_Startup was not run: restart the machine or the resource manager";
    case TPM2_RC_FAILURE:
      return "; the TPM is in failure mode until it is reset: restart the machine";
    default:
      return "";
  }
}

}  // namespace

TPM2_RC ErrorOf(TSS2_RC rc) {
  if (!IsTpms(rc)) return TSS2_RC_SUCCESS;
  const TPM2_RC own = rc & ~TSS2_RC_LAYER_MASK;
  constexpr TPM2_RC kFormatOneError = TPM2_RC_FMT1 | 0x3f;
  return (own & TPM2_RC_FMT1) != 0 ? own & kFormatOneError : own;
}

bool IsBusy(TSS2_RC rc) {
  switch (ErrorOf(rc)) {
    case TPM2_RC_RETRY:
    case TPM2_RC_YIELDED:
    case TPM2_RC_CANCELED:
    case TPM2_RC_TESTING:
    case TPM2_RC_NV_RATE:
    case TPM2_RC_NV_UNAVAILABLE:
      return true;
    default:
      return false;
  }
}

bool IsFull(TSS2_RC rc) {
  switch (ErrorOf(rc)) {
    case TPM2_RC_OBJECT_MEMORY:
    case TPM2_RC_SESSION_MEMORY:
    case TPM2_RC_MEMORY:
    case TPM2_RC_SESSION_HANDLES:
    case TPM2_RC_OBJECT_HANDLES:
    case TPM2_RC_CONTEXT_GAP:
      return true;
    default:
      return false;
  }
}

bool IsForgotten(TSS2_RC rc) {
  const TPM2_RC error = ErrorOf(rc);
  return error >= TPM2_RC_REFERENCE_H0 && error <= TPM2_RC_REFERENCE_S6;
}

bool IsBroken(TSS2_RC rc) {
  if (rc == TSS2_RC_SUCCESS || IsTpms(rc)) return false;
  if (LayerOf(rc) == TSS2_TCTI_RC_LAYER) return true;
  switch (rc & ~TSS2_RC_LAYER_MASK) {
    case TSS2_BASE_RC_IO_ERROR:
    case TSS2_BASE_RC_NO_CONNECTION:
    case TSS2_BASE_RC_BAD_SEQUENCE:
    case TSS2_BASE_RC_TRY_AGAIN:
    case TSS2_BASE_RC_MALFORMED_RESPONSE:
    case TSS2_BASE_RC_INSUFFICIENT_RESPONSE:
    case TSS2_BASE_RC_RSP_AUTH_FAILED:
      return true;
    default:
      return false;
  }
}

absl::Status ToStatus(TSS2_RC rc, absl::string_view command) {
  if (rc == TSS2_RC_SUCCESS) return absl::OkStatus();
  absl::Status status(CodeOf(rc),
                      absl::StrFormat("%s: %s (0x%03X)%s", command, Tss2_RC_Decode(rc), rc, AdviceFor(rc)));
  status.SetPayload(kPayload, absl::Cord(absl::StrFormat("%d", rc)));
  return status;
}

TSS2_RC RcOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  TSS2_RC rc = TSS2_RC_SUCCESS;
  if (payload.has_value()) (void)absl::SimpleAtoi(std::string(*payload), &rc);
  return rc;
}

}  // namespace aziot::keyd::tpm
