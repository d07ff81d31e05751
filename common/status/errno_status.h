// A failed system call as a status: the errno's name and text, what was being done, and a code a caller can
// act on.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace aziot {

// `doing` names the action and its object ("open /etc/x"). ENOENT is kNotFound, EACCES/EPERM
// kPermissionDenied, EEXIST kAlreadyExists, ENOSPC/EDQUOT/EMFILE/ENFILE/ENOMEM kResourceExhausted, connection
// errors and time-outs kUnavailable, the rest kInternal.
absl::Status ErrnoStatus(int error, absl::string_view doing);

// `status` with "<doing>: " before its message; OK stays OK.
absl::Status Annotate(const absl::Status& status, absl::string_view doing);

}  // namespace aziot
