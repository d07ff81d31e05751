// What Cryptoki's functions return (PKCS #11 v2.40, 5.1), as statuses: the code's name for people, a status
// code for the caller, and what may mend it for the token's own recovery.
#pragma once

#include <p11-kit/pkcs11.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace aziot::keyd::pkcs11 {

// "CKR_DEVICE_REMOVED"; of a code that no version of the standard names, its hexadecimal form.
std::string NameOfCkr(CK_RV code);

// OK for CKR_OK. The status remembers the code: see CkrOf. kUnavailable: the token or what leads to it is
// away, or a login is missing or refused, and without one nobody knows what the token holds.
// kResourceExhausted: no room. kUnimplemented: the token has no such operation, or refuses it for such a key.
// kInvalidArgument: the key is of another kind or made for another use. kFailedPrecondition: the token takes
// no keys. The rest is kInternal.
absl::Status ToStatus(CK_RV code, absl::string_view function);
// Why there is no login, in words; as ToStatus of `code` otherwise.
absl::Status LoginFailed(CK_RV code, absl::string_view text);

// The code that `status` was made from.
std::optional<CK_RV> CkrOf(const absl::Status& status);

// What may put right what a code complains about, the lesser before the greater.
enum class Remedy {
  kNone,      // nothing that a repetition would change
  kObjects,   // find the objects anew
  kSessions,  // open new sessions and log in anew
  kToken,     // find the token anew, it may have another slot
  kModule,    // C_Finalize and C_Initialize
};
Remedy RemedyFor(CK_RV code);

// The token does not do this with such a key or template: another mechanism, template or place may.
bool IsRefusal(CK_RV code);
// Of the PIN, which must not be tried again as it is.
bool IsPinRefusal(CK_RV code);
// The module's word for anything that went wrong, an input that it did not like included.
bool IsVague(CK_RV code);

}  // namespace aziot::keyd::pkcs11
