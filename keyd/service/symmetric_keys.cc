#include "keyd/service/symmetric_keys.h"

#include "common/rpc/errors.h"
#include "common/status/status_macros.h"
#include "keyd/service/arguments.h"

namespace aziot::keyd {

using rpc::CallContext;

void SymmetricKeys::Register(rpc::Dispatcher& dispatcher) {
  dispatcher.Add("aziot.keys.v1.Keys.CreateKey", *this, &SymmetricKeys::CreateKey);
  dispatcher.Add("aziot.keys.v1.Keys.GetKey", *this, &SymmetricKeys::GetKey);
  dispatcher.Add("aziot.keys.v1.Keys.DeleteKey", *this, &SymmetricKeys::DeleteKey);
  dispatcher.Add("aziot.keys.v1.Keys.MoveKey", *this, &SymmetricKeys::MoveKey);
}

absl::StatusOr<keys::v1::KeyHandle> SymmetricKeys::Minted(const KeyId& id) {
  keys::v1::KeyHandle reply;
  ASSIGN_OR_RETURN(*reply.mutable_key_handle(), handles_.MintKey(id));
  return reply;
}

absl::StatusOr<keys::v1::KeyHandle> SymmetricKeys::CreateKey(const CallContext& call,
                                                             const keys::v1::CreateKeyRequest& request) {
  const absl::StatusOr<KeyUsage> usage = ParseKeyUsage(request.usage());
  if (!usage.ok()) return rpc::Unprocessable(usage.status().message());
  ASSIGN_OR_RETURN(const KeyId id, ReadKeyId(request.key_id()));
  RETURN_IF_ERROR(access_.Check(call, id));
  const bool imports = request.has_key_bytes();
  if (imports && request.key_bytes().empty()) {
    return rpc::InvalidParameter("keyBytes", "a key has at least one byte");
  }

  const Operation operation = imports ? Operation::kImportKey : Operation::kCreateKey;
  RETURN_IF_ERROR(call.MoveTo(LaneToMint(handles_, backend_.LaneOf(id, operation))));
  RETURN_IF_ERROR(imports ? backend_.ImportKey(id, ToBytesView(request.key_bytes()), *usage)
                          : backend_.CreateKey(id, *usage));
  return Minted(id);
}

absl::StatusOr<keys::v1::KeyHandle> SymmetricKeys::GetKey(const CallContext& call,
                                                          const keys::v1::GetKeyRequest& request) {
  ASSIGN_OR_RETURN(const KeyId id, ReadKeyId(request.id()));
  RETURN_IF_ERROR(access_.Check(call, id));
  RETURN_IF_ERROR(call.MoveTo(LaneToMint(handles_, backend_.LaneOf(id, Operation::kLoad))));
  RETURN_IF_ERROR(backend_.LoadKey(id));
  return Minted(id);
}

absl::StatusOr<keys::v1::Done> SymmetricKeys::DeleteKey(const CallContext& call,
                                                        const keys::v1::KeyHandle& request) {
  ASSIGN_OR_RETURN(const Handle handle, ReadHandle(call, handles_, request.key_handle(), Handle::Kind::kKey));
  RETURN_IF_ERROR(call.MoveTo(backend_.LaneOf(handle.id, Operation::kDelete)));
  RETURN_IF_ERROR(backend_.DeleteKey(handle.id));
  return keys::v1::Done();
}

absl::StatusOr<keys::v1::Done> SymmetricKeys::MoveKey(const CallContext&,
                                                      const keys::v1::MoveRequest& request) {
  if (request.from() == request.to()) return rpc::BadRequest("source and destination for move are identical");
  return rpc::BadRequest("invalid type \"key\"");
}

}  // namespace aziot::keyd
