#include "keyd/service/key_pairs.h"

#include "common/bytes/base64.h"
#include "common/rpc/errors.h"
#include "common/status/status_macros.h"
#include "keyd/service/arguments.h"

namespace aziot::keyd {
namespace {

struct ParameterName {
  absl::string_view word;
  PairParameter parameter;
};
constexpr absl::string_view kAlgorithm = "algorithm";
constexpr ParameterName kParameters[] = {
    {"ec-curve-oid", PairParameter::kEcCurveOid},
    {"ec-point", PairParameter::kEcPoint},
    {"rsa-modulus", PairParameter::kRsaModulus},
    {"rsa-exponent", PairParameter::kRsaExponent},
};

}  // namespace

using rpc::CallContext;

void KeyPairs::Register(rpc::Dispatcher& dispatcher) {
  dispatcher.Add("aziot.keys.v1.Keys.CreateKeyPair", *this, &KeyPairs::CreateKeyPair);
  dispatcher.Add("aziot.keys.v1.Keys.GetKeyPair", *this, &KeyPairs::GetKeyPair);
  dispatcher.Add("aziot.keys.v1.Keys.DeleteKeyPair", *this, &KeyPairs::DeleteKeyPair);
  dispatcher.Add("aziot.keys.v1.Keys.MoveKeyPair", *this, &KeyPairs::MoveKeyPair);
  dispatcher.Add("aziot.keys.v1.Keys.GetParameter", *this, &KeyPairs::GetParameter);
}

absl::StatusOr<keys::v1::KeyHandle> KeyPairs::Minted(const KeyId& id) {
  keys::v1::KeyHandle reply;
  ASSIGN_OR_RETURN(*reply.mutable_key_handle(), handles_.MintKeyPair(id));
  return reply;
}

absl::StatusOr<keys::v1::KeyHandle> KeyPairs::CreateKeyPair(const CallContext& call,
                                                            const keys::v1::CreateKeyPairRequest& request) {
  ASSIGN_OR_RETURN(const KeyId id, ReadKeyId(request.key_id()));
  RETURN_IF_ERROR(access_.Check(call, id));
  const absl::StatusOr<std::vector<KeyAlgorithm>> preferred =
      ParsePreferredAlgorithms(request.has_preferred_algorithms() ? request.preferred_algorithms() : "*");
  if (!preferred.ok()) return rpc::InvalidParameter("preferredAlgorithms", preferred.status().message());

  const bool makes_rsa = FactsOf(preferred->front()).family == KeyFamily::kRsa;
  const Lane lane = backend_.LaneOf(id, makes_rsa ? Operation::kCreateRsaPair : Operation::kCreateEcPair);
  RETURN_IF_ERROR(call.MoveTo(LaneToMint(handles_, lane)));
  RETURN_IF_ERROR(backend_.CreateKeyPair(id, *preferred));
  return Minted(id);
}

absl::StatusOr<keys::v1::KeyHandle> KeyPairs::GetKeyPair(const CallContext& call,
                                                         const keys::v1::GetKeyRequest& request) {
  ASSIGN_OR_RETURN(const KeyId id, ReadKeyId(request.id()));
  RETURN_IF_ERROR(access_.Check(call, id));
  RETURN_IF_ERROR(call.MoveTo(LaneToMint(handles_, backend_.LaneOf(id, Operation::kLoad))));
  RETURN_IF_ERROR(backend_.LoadKeyPair(id));
  return Minted(id);
}

absl::StatusOr<keys::v1::Done> KeyPairs::DeleteKeyPair(const CallContext& call,
                                                       const keys::v1::KeyHandle& request) {
  ASSIGN_OR_RETURN(const Handle handle,
                   ReadHandle(call, handles_, request.key_handle(), Handle::Kind::kKeyPair));
  RETURN_IF_ERROR(call.MoveTo(backend_.LaneOf(handle.id, Operation::kDelete)));
  RETURN_IF_ERROR(backend_.DeleteKeyPair(handle.id));
  return keys::v1::Done();
}

absl::StatusOr<keys::v1::Done> KeyPairs::MoveKeyPair(const CallContext& call,
                                                     const keys::v1::MoveRequest& request) {
  if (request.from() == request.to()) return rpc::BadRequest("source and destination for move are identical");
  ASSIGN_OR_RETURN(const KeyId from, ReadKeyId(request.from()));
  ASSIGN_OR_RETURN(const KeyId to, ReadKeyId(request.to()));
  RETURN_IF_ERROR(access_.Check(call, from));
  RETURN_IF_ERROR(access_.Check(call, to));
  RETURN_IF_ERROR(call.MoveTo(backend_.LaneOf(from, Operation::kMove)));
  const absl::Status moved = backend_.MoveKeyPair(from, to);
  if (absl::IsNotFound(moved)) return rpc::InternalError(moved.message());
  RETURN_IF_ERROR(moved);
  return keys::v1::Done();
}

absl::StatusOr<keys::v1::Parameter> KeyPairs::GetParameter(const CallContext& call,
                                                           const keys::v1::GetParameterRequest& request) {
  ASSIGN_OR_RETURN(const Handle handle, ReadHandle(call, handles_, request.key_handle()));
  // A symmetric key's handle goes on: the backend answers for the id, as every release did.
  if (handle.kind == Handle::Kind::kDerived) {
    return rpc::InvalidParameter("handle", "handle is not for a key pair");
  }
  keys::v1::Parameter reply;
  if (request.name() == kAlgorithm) {
    RETURN_IF_ERROR(call.MoveTo(backend_.LaneOf(handle.id, Operation::kParameter)));
    ASSIGN_OR_RETURN(const KeyFamily family, backend_.FamilyOf(handle.id));
    reply.set_value(family == KeyFamily::kEc ? "ECDSA" : "RSA");
    return reply;
  }
  for (const ParameterName& known : kParameters) {
    if (known.word != request.name()) continue;
    RETURN_IF_ERROR(call.MoveTo(backend_.LaneOf(handle.id, Operation::kParameter)));
    ASSIGN_OR_RETURN(const Bytes value, backend_.PublicParameter(handle.id, known.parameter));
    reply.set_value(FormatBase64(value));
    return reply;
  }
  return rpc::InvalidParameter("name", "unknown parameter of a key pair");
}

}  // namespace aziot::keyd
