// What carries commands to the TPM: a TCTI of tpm2-tss, opened by its configuration string, behind one of
// ours that never waits for an answer without a bound.
#pragma once

#include <tss2/tss2_tcti.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace aziot::keyd::tpm {

class Tcti {
 public:
  virtual ~Tcti() = default;
  // Valid as long as this object.
  virtual TSS2_TCTI_CONTEXT* context() = 0;
};

// `device` alone means the kernel's resource manager when there is one (/dev/tpmrm0): the raw device can have
// one user.
std::string ResolveTcti(const std::string& configuration);

// Programs share what stands behind it without seeing each other's objects: /dev/tpmrm0, tpm2-abrmd.
bool HasResourceManager(const std::string& resolved);

// While we have it open nobody else has: the raw device.
bool HasOneUser(const std::string& resolved);

// Whether opening failed because another program has the device for itself just now.
bool IsHeldByAnother(const std::string& resolved);

// "" is tpm2-tss's own search. kUnavailable when there is no such TPM for now; names `resolved`.
absl::StatusOr<std::unique_ptr<Tcti>> OpenTcti(const std::string& resolved);

}  // namespace aziot::keyd::tpm
