#include "keyd/service/derived_keys.h"

#include "common/rpc/errors.h"
#include "common/status/status_macros.h"
#include "keyd/service/arguments.h"

namespace aziot::keyd {

using rpc::CallContext;

void DerivedKeys::Register(rpc::Dispatcher& dispatcher) {
  dispatcher.Add("aziot.keys.v1.Keys.CreateDerivedKey", *this, &DerivedKeys::CreateDerivedKey);
  dispatcher.Add("aziot.keys.v1.Keys.ExportDerivedKey", *this, &DerivedKeys::ExportDerivedKey);
}

absl::StatusOr<keys::v1::KeyHandle> DerivedKeys::CreateDerivedKey(
    const CallContext& call, const keys::v1::CreateDerivedKeyRequest& request) {
  ASSIGN_OR_RETURN(const Handle base, ReadHandle(call, handles_, request.base_key_handle()));
  if (base.kind == Handle::Kind::kDerived) {
    return rpc::InvalidParameter("handle",
                                 "nested derived keys are not supported, import the outer derived key first");
  }
  // A pair has no bytes that could be a base; earlier releases took the PEM text for them.
  if (base.kind == Handle::Kind::kKeyPair) return rpc::InvalidParameter("handle", "handle is not for a key");
  RETURN_IF_ERROR(call.MoveTo(handles_.MintLane()));
  keys::v1::KeyHandle reply;
  ASSIGN_OR_RETURN(*reply.mutable_key_handle(),
                   handles_.MintDerived(request.base_key_handle(), ToBytesView(request.derivation_data())));
  return reply;
}

absl::StatusOr<keys::v1::DerivedKey> DerivedKeys::ExportDerivedKey(const CallContext& call,
                                                                   const keys::v1::KeyHandle& request) {
  ASSIGN_OR_RETURN(const Handle handle,
                   ReadHandle(call, handles_, request.key_handle(), Handle::Kind::kDerived));
  RETURN_IF_ERROR(call.MoveTo(backend_.LaneOf(handle.id, Operation::kHmac)));
  ASSIGN_OR_RETURN(const Secret key, backend_.Derive(handle.id, handle.derivation_data));
  keys::v1::DerivedKey reply;
  reply.set_key(key.Expose().data(), key.size());
  return reply;
}

}  // namespace aziot::keyd
