#include "keyd/service/arguments.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "common/rpc/errors.h"
#include "common/status/status_macros.h"

namespace aziot::keyd {
namespace {

absl::string_view NameOf(Handle::Kind kind) {
  switch (kind) {
    case Handle::Kind::kKeyPair:
      return "a key pair";
    case Handle::Kind::kKey:
      return "a key";
    case Handle::Kind::kDerived:
      return "a derived key";
  }
  return "";
}

}  // namespace

absl::StatusOr<KeyId> ReadKeyId(absl::string_view text) {
  absl::StatusOr<KeyId> id = KeyId::Parse(text);
  if (!id.ok()) return rpc::InvalidParameter("id", id.status().message());
  if (text == kHandleValidationKey) return rpc::InvalidParameter("id", "this id is reserved");
  return id;
}

absl::StatusOr<Handle> ReadHandle(const rpc::CallContext& call, KeyHandles& handles, absl::string_view text) {
  if (std::optional<Handle> known = handles.Recall(text)) return *std::move(known);
  RETURN_IF_ERROR(call.MoveTo(handles.OpenLane()));
  absl::StatusOr<Handle> handle = handles.Open(text);
  if (absl::IsInvalidArgument(handle.status())) {
    return rpc::InvalidParameter("handle", handle.status().message());
  }
  return handle;
}

absl::StatusOr<Handle> ReadHandle(const rpc::CallContext& call, KeyHandles& handles, absl::string_view text,
                                  Handle::Kind kind) {
  ASSIGN_OR_RETURN(Handle handle, ReadHandle(call, handles, text));
  if (handle.kind == kind) return handle;
  return rpc::InvalidParameter("handle", absl::StrCat("handle is not for ", NameOf(kind)));
}

Lane LaneToMint(const KeyHandles& handles, const Lane& lane) {
  return lane.is_inline() ? handles.MintLane() : lane;
}

}  // namespace aziot::keyd
