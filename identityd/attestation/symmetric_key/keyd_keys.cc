#include "identityd/attestation/symmetric_key/keyd_keys.h"

#include <utility>

#include "aziot/keys/v1/keys.pb.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"
#include "identityd/attestation/failure.h"

namespace aziot::identityd {
namespace {

namespace v1 = keys::v1;

absl::Status KeysFailed(const absl::Status& status, absl::string_view doing) {
  const bool away = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  return Blame(Party::kKeys, away ? Reason::kNetwork : Reason::kOther, Annotate(status, doing));
}

template <class Out>
absl::StatusOr<Out> Call(client::Client& keyd, absl::string_view method,
                         const google::protobuf::Message& request, absl::string_view doing) {
  absl::StatusOr<Out> reply = keyd.Call<Out>(method, request);
  if (!reply.ok()) return KeysFailed(reply.status(), doing);
  return reply;
}

}  // namespace

absl::StatusOr<std::string> KeydKeys::Load(absl::string_view id) {
  v1::GetKeyRequest request;
  request.set_id(std::string(id));
  ASSIGN_OR_RETURN(const v1::KeyHandle reply, Call<v1::KeyHandle>(keyd_, "aziot.keys.v1.Keys.GetKey", request,
                                                                  "keyd: could not load a key"));
  return reply.key_handle();
}

absl::StatusOr<std::string> KeydKeys::LoadOrCreate(absl::string_view id) {
  absl::StatusOr<std::string> loaded = Load(id);
  if (loaded.ok() || ReasonOf(loaded.status()) == Reason::kNetwork) return loaded;
  // keyd keeps a usable key of that id, so asking again for one that could not be loaded loses nothing.
  v1::CreateKeyRequest request;
  request.set_key_id(std::string(id));
  request.set_usage("derive,sign");
  ASSIGN_OR_RETURN(const v1::KeyHandle reply, Call<v1::KeyHandle>(keyd_, "aziot.keys.v1.Keys.CreateKey",
                                                                  request, "keyd: could not create a key"));
  return reply.key_handle();
}

absl::StatusOr<std::string> KeydKeys::Derive(absl::string_view base_handle, absl::string_view data) {
  v1::CreateDerivedKeyRequest request;
  request.set_base_key_handle(std::string(base_handle));
  request.set_derivation_data(std::string(data));
  ASSIGN_OR_RETURN(const v1::KeyHandle reply,
                   Call<v1::KeyHandle>(keyd_, "aziot.keys.v1.Keys.CreateDerivedKey", request,
                                       "keyd: could not derive a module key"));
  return reply.key_handle();
}

absl::StatusOr<Secret> KeydKeys::Export(absl::string_view handle) {
  v1::KeyHandle request;
  request.set_key_handle(std::string(handle));
  ASSIGN_OR_RETURN(v1::DerivedKey reply,
                   Call<v1::DerivedKey>(keyd_, "aziot.keys.v1.Keys.ExportDerivedKey", request,
                                        "keyd: could not export a module key"));
  return Secret::Take(std::move(*reply.mutable_key()));
}

absl::StatusOr<Bytes> KeydKeys::HmacSha256(absl::string_view handle, absl::string_view message) {
  v1::SignRequest request;
  request.set_key_handle(std::string(handle));
  request.set_algorithm("HMAC-SHA256");
  request.mutable_parameters()->set_message(std::string(message));
  ASSIGN_OR_RETURN(const v1::SignReply reply, Call<v1::SignReply>(keyd_, "aziot.keys.v1.Keys.Sign", request,
                                                                  "keyd: could not sign a token"));
  return ToBytes(reply.signature());
}

}  // namespace aziot::identityd
