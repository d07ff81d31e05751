#include "keyd/service/operations.h"

#include "absl/strings/str_cat.h"
#include "common/rpc/errors.h"
#include "common/status/status_macros.h"
#include "keyd/backend/memory_key.h"
#include "keyd/service/arguments.h"

namespace aziot::keyd {
namespace {

enum class SignAlgorithm { kEcdsa, kHmacSha256 };
enum class EncryptAlgorithm { kAead, kRsaPkcs1, kRsaNoPadding };

absl::Status UnknownAlgorithm(absl::string_view expected) {
  return rpc::Unprocessable(absl::StrCat("algorithm: expected one of ", expected));
}
absl::Status Missing(absl::string_view member) {
  return rpc::Unprocessable(absl::StrCat("parameters: missing field `", member, "`"));
}
absl::Status WrongMechanism() {
  return rpc::InvalidParameter("mechanism", "mechanism cannot be used with this key type");
}

absl::StatusOr<SignAlgorithm> ReadSignAlgorithm(const keys::v1::SignRequest& request) {
  if (request.algorithm() == "ECDSA") {
    if (!request.parameters().has_digest()) return Missing("digest");
    return SignAlgorithm::kEcdsa;
  }
  if (request.algorithm() == "HMAC-SHA256") {
    if (!request.parameters().has_message()) return Missing("message");
    return SignAlgorithm::kHmacSha256;
  }
  return UnknownAlgorithm("ECDSA, HMAC-SHA256");
}

// Of an EncryptRequest or a DecryptRequest.
template <class Request>
absl::StatusOr<EncryptAlgorithm> ReadEncryptAlgorithm(const Request& request) {
  if (request.algorithm() == "AEAD") {
    if (!request.has_parameters()) return rpc::Unprocessable("missing field `parameters`");
    return EncryptAlgorithm::kAead;
  }
  if (request.algorithm() == "RSA-PKCS1") return EncryptAlgorithm::kRsaPkcs1;
  if (request.algorithm() == "RSA-NO-PADDING") return EncryptAlgorithm::kRsaNoPadding;
  return UnknownAlgorithm("AEAD, RSA-PKCS1, RSA-NO-PADDING");
}

AeadParameters View(const keys::v1::AeadParameters& parameters) {
  return {.iv = ToBytesView(parameters.iv()), .aad = ToBytesView(parameters.aad())};
}

}  // namespace

using rpc::CallContext;

void Operations::Register(rpc::Dispatcher& dispatcher) {
  dispatcher.Add("aziot.keys.v1.Keys.Sign", *this, &Operations::Sign);
  dispatcher.Add("aziot.keys.v1.Keys.Encrypt", *this, &Operations::Encrypt);
  dispatcher.Add("aziot.keys.v1.Keys.Decrypt", *this, &Operations::Decrypt);
}

absl::StatusOr<Mac> Operations::Hmac(const CallContext& call, const Handle& handle, BytesView message) {
  RETURN_IF_ERROR(call.MoveTo(backend_.LaneOf(handle.id, Operation::kHmac)));
  if (handle.kind == Handle::Kind::kKey) return backend_.Hmac(handle.id, message);
  ASSIGN_OR_RETURN(Secret derived, backend_.Derive(handle.id, handle.derivation_data));
  return MemoryKey(std::move(derived)).Hmac(message);
}

absl::StatusOr<keys::v1::SignReply> Operations::Sign(const CallContext& call,
                                                     const keys::v1::SignRequest& request) {
  ASSIGN_OR_RETURN(const SignAlgorithm algorithm, ReadSignAlgorithm(request));
  ASSIGN_OR_RETURN(const Handle handle, ReadHandle(call, handles_, request.key_handle()));
  const bool is_pair = handle.kind == Handle::Kind::kKeyPair;
  if (is_pair != (algorithm == SignAlgorithm::kEcdsa)) return WrongMechanism();

  keys::v1::SignReply reply;
  if (is_pair) {
    RETURN_IF_ERROR(call.MoveTo(backend_.LaneOf(handle.id, Operation::kEcdsa)));
    ASSIGN_OR_RETURN(const Bytes signature,
                     backend_.SignDigest(handle.id, ToBytesView(request.parameters().digest())));
    reply.set_signature(signature.data(), signature.size());
  } else {
    ASSIGN_OR_RETURN(const Mac mac, Hmac(call, handle, ToBytesView(request.parameters().message())));
    reply.set_signature(mac.data(), mac.size());
  }
  return reply;
}

absl::StatusOr<keys::v1::EncryptReply> Operations::Encrypt(const CallContext& call,
                                                           const keys::v1::EncryptRequest& request) {
  ASSIGN_OR_RETURN(const EncryptAlgorithm algorithm, ReadEncryptAlgorithm(request));
  ASSIGN_OR_RETURN(const Handle handle, ReadHandle(call, handles_, request.key_handle()));
  const bool is_pair = handle.kind == Handle::Kind::kKeyPair;
  if (is_pair == (algorithm == EncryptAlgorithm::kAead)) return WrongMechanism();

  const BytesView plaintext = ToBytesView(request.plaintext());
  absl::StatusOr<Bytes> ciphertext = Bytes();
  if (is_pair) {
    RETURN_IF_ERROR(call.MoveTo(backend_.LaneOf(handle.id, Operation::kRsa)));
    const auto padding = algorithm == EncryptAlgorithm::kRsaPkcs1 ? RsaPadding::kPkcs1 : RsaPadding::kNone;
    ciphertext = backend_.RsaPrivate(handle.id, padding, plaintext);
  } else if (handle.kind == Handle::Kind::kKey) {
    RETURN_IF_ERROR(call.MoveTo(backend_.LaneOf(handle.id, Operation::kAead)));
    ciphertext = backend_.Encrypt(handle.id, View(request.parameters()), plaintext);
  } else {
    RETURN_IF_ERROR(call.MoveTo(backend_.LaneOf(handle.id, Operation::kHmac)));
    ASSIGN_OR_RETURN(Secret derived, backend_.Derive(handle.id, handle.derivation_data));
    ciphertext = MemoryKey(std::move(derived)).Encrypt(View(request.parameters()), plaintext);
  }
  RETURN_IF_ERROR(ciphertext.status());
  keys::v1::EncryptReply reply;
  reply.set_ciphertext(ciphertext->data(), ciphertext->size());
  return reply;
}

absl::StatusOr<keys::v1::DecryptReply> Operations::Decrypt(const CallContext& call,
                                                           const keys::v1::DecryptRequest& request) {
  ASSIGN_OR_RETURN(const EncryptAlgorithm algorithm, ReadEncryptAlgorithm(request));
  ASSIGN_OR_RETURN(const Handle handle, ReadHandle(call, handles_, request.key_handle()));
  if (algorithm != EncryptAlgorithm::kAead || handle.kind == Handle::Kind::kKeyPair) return WrongMechanism();

  const BytesView ciphertext = ToBytesView(request.ciphertext());
  absl::StatusOr<Bytes> plaintext = Bytes();
  if (handle.kind == Handle::Kind::kKey) {
    RETURN_IF_ERROR(call.MoveTo(backend_.LaneOf(handle.id, Operation::kAead)));
    plaintext = backend_.Decrypt(handle.id, View(request.parameters()), ciphertext);
  } else {
    RETURN_IF_ERROR(call.MoveTo(backend_.LaneOf(handle.id, Operation::kHmac)));
    ASSIGN_OR_RETURN(Secret derived, backend_.Derive(handle.id, handle.derivation_data));
    plaintext = MemoryKey(std::move(derived)).Decrypt(View(request.parameters()), ciphertext);
  }
  RETURN_IF_ERROR(plaintext.status());
  keys::v1::DecryptReply reply;
  reply.set_plaintext(plaintext->data(), plaintext->size());
  return reply;
}

}  // namespace aziot::keyd
