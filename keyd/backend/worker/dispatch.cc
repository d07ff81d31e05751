#include "keyd/backend/worker/dispatch.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace aziot::keyd::worker {
namespace {

// The value of an enumeration that counts from zero, or kInvalidArgument.
template <class Enum>
absl::StatusOr<Enum> EnumOf(int32_t number, Enum last) {
  if (number < 0 || number > static_cast<int32_t>(last)) {
    return absl::InvalidArgumentError(absl::StrCat("a worker's request: no such value: ", number));
  }
  return static_cast<Enum>(number);
}

absl::Status Put(absl::StatusOr<Bytes> result, v1::Answer& answer) {
  RETURN_IF_ERROR(result.status());
  Assign(*result, *answer.mutable_output());
  return absl::OkStatus();
}

absl::Status CreateKeyPair(KeyBackend& backend, const KeyId& id, const v1::Request& request) {
  std::vector<KeyAlgorithm> preferred;
  for (const int32_t number : request.algorithms()) {
    ASSIGN_OR_RETURN(preferred.emplace_back(), EnumOf(number, KeyAlgorithm::kRsa4096));
  }
  return backend.CreateKeyPair(id, preferred);
}

absl::Status MoveKeyPair(KeyBackend& backend, const KeyId& from, const v1::Request& request) {
  ASSIGN_OR_RETURN(const KeyId to, KeyId::Parse(request.to()));
  return backend.MoveKeyPair(from, to);
}

absl::Status Hmac(KeyBackend& backend, const KeyId& id, BytesView message, v1::Answer& answer) {
  ASSIGN_OR_RETURN(const Mac mac, backend.Hmac(id, message));
  Assign(mac, *answer.mutable_output());
  return absl::OkStatus();
}

absl::Status VerifyHmac(KeyBackend& backend, const KeyId& id, const v1::Request& request,
                        v1::Answer& answer) {
  ASSIGN_OR_RETURN(const bool verified,
                   backend.VerifyHmac(id, ToBytesView(request.input()), ToBytesView(request.mac())));
  answer.set_verified(verified);
  return absl::OkStatus();
}

absl::Status Derive(KeyBackend& backend, const KeyId& id, BytesView data, v1::Answer& answer) {
  ASSIGN_OR_RETURN(const Secret derived, backend.Derive(id, data));
  Assign(derived.Expose(), *answer.mutable_output());
  return absl::OkStatus();
}

absl::Status FamilyOf(KeyBackend& backend, const KeyId& id, v1::Answer& answer) {
  ASSIGN_OR_RETURN(const KeyFamily family, backend.FamilyOf(id));
  answer.set_family(static_cast<int32_t>(family));
  return absl::OkStatus();
}

absl::Status PublicParameter(KeyBackend& backend, const KeyId& id, int32_t number, v1::Answer& answer) {
  ASSIGN_OR_RETURN(const PairParameter parameter, EnumOf(number, PairParameter::kRsaExponent));
  return Put(backend.PublicParameter(id, parameter), answer);
}

absl::Status RsaPrivate(KeyBackend& backend, const KeyId& id, const v1::Request& request,
                        v1::Answer& answer) {
  ASSIGN_OR_RETURN(const RsaPadding padding, EnumOf(request.padding(), RsaPadding::kNone));
  return Put(backend.RsaPrivate(id, padding, ToBytesView(request.input())), answer);
}

absl::Status Call(KeyBackend& backend, const v1::Request& request, v1::Answer& answer) {
  ASSIGN_OR_RETURN(const KeyId id, KeyId::Parse(request.id()));
  const BytesView input = ToBytesView(request.input());
  const KeyUsage usage{.sign = request.sign(), .encrypt = request.encrypt()};
  const AeadParameters aead{.iv = ToBytesView(request.iv()), .aad = ToBytesView(request.aad())};
  switch (request.function()) {
    case v1::FUNCTION_CREATE_KEY:
      return backend.CreateKey(id, usage);
    case v1::FUNCTION_IMPORT_KEY:
      return backend.ImportKey(id, input, usage);
    case v1::FUNCTION_LOAD_KEY:
      return backend.LoadKey(id);
    case v1::FUNCTION_DELETE_KEY:
      return backend.DeleteKey(id);
    case v1::FUNCTION_HMAC:
      return Hmac(backend, id, input, answer);
    case v1::FUNCTION_VERIFY_HMAC:
      return VerifyHmac(backend, id, request, answer);
    case v1::FUNCTION_DERIVE:
      return Derive(backend, id, input, answer);
    case v1::FUNCTION_ENCRYPT:
      return Put(backend.Encrypt(id, aead, input), answer);
    case v1::FUNCTION_DECRYPT:
      return Put(backend.Decrypt(id, aead, input), answer);
    case v1::FUNCTION_CREATE_KEY_PAIR:
      return CreateKeyPair(backend, id, request);
    case v1::FUNCTION_LOAD_KEY_PAIR:
      return backend.LoadKeyPair(id);
    case v1::FUNCTION_MOVE_KEY_PAIR:
      return MoveKeyPair(backend, id, request);
    case v1::FUNCTION_DELETE_KEY_PAIR:
      return backend.DeleteKeyPair(id);
    case v1::FUNCTION_FAMILY_OF:
      return FamilyOf(backend, id, answer);
    case v1::FUNCTION_PUBLIC_PARAMETER:
      return PublicParameter(backend, id, request.parameter(), answer);
    case v1::FUNCTION_SIGN_DIGEST:
      return Put(backend.SignDigest(id, input), answer);
    case v1::FUNCTION_RSA_PRIVATE:
      return RsaPrivate(backend, id, request, answer);
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("a worker's request: no such function: ", static_cast<int>(request.function())));
  }
}

}  // namespace

void Dispatch(KeyBackend& backend, const v1::Request& request, v1::Answer& answer) {
  const absl::Status status = Call(backend, request, answer);
  answer.set_code(static_cast<int32_t>(status.code()));
  if (!status.ok()) answer.set_message(std::string(status.message()));
}

}  // namespace aziot::keyd::worker
