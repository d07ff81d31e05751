#include "keyd/backend/worker/remote_backend.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "keyd/backend/worker/functions.h"

namespace aziot::keyd::worker {
namespace {

// A worker that was gone before it saw the call costs none of the two.
constexpr int kAttempts = 2;
constexpr int kMostUndelivered = 3;

v1::Request& Fill(v1::Request& request, v1::Function function, const KeyId& id) {
  request.set_function(function);
  request.set_id(id.value());
  return request;
}

v1::Request& Fill(v1::Request& request, v1::Function function, const KeyId& id, BytesView input) {
  Assign(input, *request.mutable_input());
  return Fill(request, function, id);
}

void SetUsage(KeyUsage usage, v1::Request& request) {
  request.set_sign(usage.sign);
  request.set_encrypt(usage.encrypt);
}

void SetAead(const AeadParameters& parameters, v1::Request& request) {
  Assign(parameters.iv, *request.mutable_iv());
  Assign(parameters.aad, *request.mutable_aad());
}

std::chrono::milliseconds TimeoutOf(const Timeouts& timeouts, Duration duration) {
  switch (duration) {
    case Duration::kLookup:
      return timeouts.lookup;
    case Duration::kUse:
      return timeouts.use;
    case Duration::kCreation:
      break;
  }
  return timeouts.creation;
}

Secret Serialized(v1::Setup& setup) {
  Secret text = Secret::OfSize(setup.ByteSizeLong());
  setup.SerializeWithCachedSizesToArray(text.ExposeForWriting().data());
  Wipe(setup);
  return text;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RemoteBackend>> RemoteBackend::Start(RemoteOptions options) {
  ASSIGN_OR_RETURN(LoginRecord record, LoginRecord::New());
  const std::string name = options.setup.name();
  Supervisor::Options supervised{.name = name,
                                 .program = {.title = absl::StrCat("aziot-keyd: ", name),
                                             .executable = options.executable,
                                             .argument = options.argument},
                                 .setup = Serialized(options.setup),
                                 .kept = static_cast<size_t>(options.lane.threads)};
  std::unique_ptr<RemoteBackend> backend(
      new RemoteBackend(name, options.lane, options.timeouts, std::move(supervised), std::move(record)));
  RETURN_IF_ERROR(backend->supervisor_.AwaitFirst());
  return backend;
}

RemoteBackend::RemoteBackend(std::string name, BackendLane lane, Timeouts timeouts,
                             Supervisor::Options options, LoginRecord record)
    : name_(std::move(name)),
      lane_(std::move(lane)),
      timeouts_(timeouts),
      supervisor_(std::move(options), std::move(record)) {}

absl::Status RemoteBackend::Lost(const v1::Request& request, absl::string_view end) const {
  return absl::UnavailableError(absl::StrCat(name_, ": its worker process ", end, ", during ",
                                             FactsOf(request.function()).name, " of \"", request.id(),
                                             "\"; it is started again"));
}

absl::Status RemoteBackend::Call(v1::Request& request, v1::Answer& answer) {
  const FunctionFacts& facts = FactsOf(request.function());
  const std::chrono::milliseconds timeout = TimeoutOf(timeouts_, facts.duration);
  if (request.ByteSizeLong() > Channel::kMostBytes) {
    return absl::ResourceExhaustedError(absl::StrCat(name_, ": ", facts.name, " of ", request.input().size(),
                                                     " bytes: more than a worker process takes"));
  }
  int undelivered = 0;
  for (int attempt = 1;; ++attempt) {
    ASSIGN_OR_RETURN(Lease lease, supervisor_.Take());
    lease.channel.SetTimeout(timeout);
    Transfer transfer = lease.channel.Send(request);
    if (transfer == Transfer::kDone) transfer = lease.channel.Receive(answer);
    switch (transfer) {
      case Transfer::kDone:
        supervisor_.Return(std::move(lease));
        return StatusOf(answer.code(), answer.message());
      case Transfer::kTimeout: {
        const std::string late =
            absl::StrCat("gave no answer within ", timeout.count(), " ms and was killed");
        supervisor_.GiveUp(std::move(lease), absl::StrCat(late, ", during ", facts.name));
        return Lost(request, late);
      }
      case Transfer::kNotDelivered:
        supervisor_.GiveUp(std::move(lease), "closed its connections and was killed");
        if (++undelivered > kMostUndelivered) return Lost(request, supervisor_.LastEnd());
        --attempt;
        break;
      case Transfer::kClosed:
      case Transfer::kGarbage:
        supervisor_.GiveUp(std::move(lease), transfer == Transfer::kClosed
                                                 ? "closed its connections and was killed"
                                                 : "gave an answer that is none and was killed");
        if (!facts.repeatable || attempt >= kAttempts) return Lost(request, supervisor_.LastEnd());
        break;
    }
    Wipe(answer);
  }
}

absl::StatusOr<Bytes> RemoteBackend::CallForBytes(v1::Request& request) {
  Wiped<v1::Answer> answer;
  RETURN_IF_ERROR(Call(request, *answer));
  return ToBytes(answer->output());
}

absl::Status RemoteBackend::CreateKey(const KeyId& id, KeyUsage usage) {
  Wiped<v1::Request> request;
  Wiped<v1::Answer> answer;
  SetUsage(usage, *request);
  return Call(Fill(*request, v1::FUNCTION_CREATE_KEY, id), *answer);
}

absl::Status RemoteBackend::ImportKey(const KeyId& id, BytesView bytes, KeyUsage usage) {
  Wiped<v1::Request> request;
  Wiped<v1::Answer> answer;
  SetUsage(usage, *request);
  return Call(Fill(*request, v1::FUNCTION_IMPORT_KEY, id, bytes), *answer);
}

absl::Status RemoteBackend::LoadKey(const KeyId& id) {
  Wiped<v1::Request> request;
  Wiped<v1::Answer> answer;
  return Call(Fill(*request, v1::FUNCTION_LOAD_KEY, id), *answer);
}

absl::Status RemoteBackend::DeleteKey(const KeyId& id) {
  Wiped<v1::Request> request;
  Wiped<v1::Answer> answer;
  return Call(Fill(*request, v1::FUNCTION_DELETE_KEY, id), *answer);
}

absl::StatusOr<Mac> RemoteBackend::Hmac(const KeyId& id, BytesView message) {
  Wiped<v1::Request> request;
  Wiped<v1::Answer> answer;
  RETURN_IF_ERROR(Call(Fill(*request, v1::FUNCTION_HMAC, id, message), *answer));
  Mac mac;
  if (answer->output().size() != mac.size()) {
    return absl::InternalError(
        absl::StrCat(name_, ": a MAC of ", answer->output().size(), " bytes for \"", id.value(), "\""));
  }
  std::copy(answer->output().begin(), answer->output().end(), mac.begin());
  return mac;
}

absl::StatusOr<bool> RemoteBackend::VerifyHmac(const KeyId& id, BytesView message, BytesView mac) {
  Wiped<v1::Request> request;
  Wiped<v1::Answer> answer;
  Assign(mac, *request->mutable_mac());
  RETURN_IF_ERROR(Call(Fill(*request, v1::FUNCTION_VERIFY_HMAC, id, message), *answer));
  return answer->verified();
}

absl::StatusOr<Secret> RemoteBackend::Derive(const KeyId& id, BytesView data) {
  Wiped<v1::Request> request;
  Wiped<v1::Answer> answer;
  RETURN_IF_ERROR(Call(Fill(*request, v1::FUNCTION_DERIVE, id, data), *answer));
  return Secret(ToBytesView(answer->output()));
}

absl::StatusOr<Bytes> RemoteBackend::Encrypt(const KeyId& id, const AeadParameters& parameters,
                                             BytesView plaintext) {
  Wiped<v1::Request> request;
  SetAead(parameters, *request);
  return CallForBytes(Fill(*request, v1::FUNCTION_ENCRYPT, id, plaintext));
}

absl::StatusOr<Bytes> RemoteBackend::Decrypt(const KeyId& id, const AeadParameters& parameters,
                                             BytesView blob) {
  Wiped<v1::Request> request;
  SetAead(parameters, *request);
  return CallForBytes(Fill(*request, v1::FUNCTION_DECRYPT, id, blob));
}

absl::Status RemoteBackend::CreateKeyPair(const KeyId& id, std::span<const KeyAlgorithm> preferred) {
  Wiped<v1::Request> request;
  Wiped<v1::Answer> answer;
  for (const KeyAlgorithm algorithm : preferred) request->add_algorithms(static_cast<int32_t>(algorithm));
  return Call(Fill(*request, v1::FUNCTION_CREATE_KEY_PAIR, id), *answer);
}

absl::Status RemoteBackend::LoadKeyPair(const KeyId& id) {
  Wiped<v1::Request> request;
  Wiped<v1::Answer> answer;
  return Call(Fill(*request, v1::FUNCTION_LOAD_KEY_PAIR, id), *answer);
}

absl::Status RemoteBackend::MoveKeyPair(const KeyId& from, const KeyId& to) {
  Wiped<v1::Request> request;
  Wiped<v1::Answer> answer;
  request->set_to(to.value());
  return Call(Fill(*request, v1::FUNCTION_MOVE_KEY_PAIR, from), *answer);
}

absl::Status RemoteBackend::DeleteKeyPair(const KeyId& id) {
  Wiped<v1::Request> request;
  Wiped<v1::Answer> answer;
  return Call(Fill(*request, v1::FUNCTION_DELETE_KEY_PAIR, id), *answer);
}

absl::StatusOr<KeyFamily> RemoteBackend::FamilyOf(const KeyId& id) {
  Wiped<v1::Request> request;
  Wiped<v1::Answer> answer;
  RETURN_IF_ERROR(Call(Fill(*request, v1::FUNCTION_FAMILY_OF, id), *answer));
  return answer->family() == static_cast<int32_t>(KeyFamily::kRsa) ? KeyFamily::kRsa : KeyFamily::kEc;
}

absl::StatusOr<Bytes> RemoteBackend::PublicParameter(const KeyId& id, PairParameter parameter) {
  Wiped<v1::Request> request;
  request->set_parameter(static_cast<int32_t>(parameter));
  return CallForBytes(Fill(*request, v1::FUNCTION_PUBLIC_PARAMETER, id));
}

absl::StatusOr<Bytes> RemoteBackend::SignDigest(const KeyId& id, BytesView digest) {
  Wiped<v1::Request> request;
  return CallForBytes(Fill(*request, v1::FUNCTION_SIGN_DIGEST, id, digest));
}

absl::StatusOr<Bytes> RemoteBackend::RsaPrivate(const KeyId& id, RsaPadding padding, BytesView input) {
  Wiped<v1::Request> request;
  request->set_padding(static_cast<int32_t>(padding));
  return CallForBytes(Fill(*request, v1::FUNCTION_RSA_PRIVATE, id, input));
}

}  // namespace aziot::keyd::worker
