// The two things nearly every rpc of keyd is given, an id or a handle, read with the refusals that callers
// see.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/ids/id.h"
#include "common/rpc/call_context.h"
#include "keyd/handles/key_handles.h"

namespace aziot::keyd {

// 400 `parameter "id" has an invalid value` for a NUL, for what is not UTF-8, and for the key that signs
// handles: who could use that one could make a handle for any key.
absl::StatusOr<KeyId> ReadKeyId(absl::string_view text);

// 400 `parameter "handle" has an invalid value` with the cause.
absl::StatusOr<Handle> ReadHandle(const rpc::CallContext& call, KeyHandles& handles, absl::string_view text);
// The same, and of that kind: `handle is not for a key pair`, `… a key`, `… a derived key`.
absl::StatusOr<Handle> ReadHandle(const rpc::CallContext& call, KeyHandles& handles, absl::string_view text,
                                  Handle::Kind kind);

// `lane`, or where the handle must be minted when `lane` is inline.
Lane LaneToMint(const KeyHandles& handles, const Lane& lane);

}  // namespace aziot::keyd
