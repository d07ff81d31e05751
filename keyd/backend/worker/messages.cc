#include "keyd/backend/worker/messages.h"

#include <openssl/crypto.h>

#include <string>

namespace aziot::keyd::worker {
namespace {

constexpr int32_t kLastCode = static_cast<int32_t>(absl::StatusCode::kUnauthenticated);

void Cleanse(std::string* field) {
  OPENSSL_cleanse(field->data(), field->size());
  field->clear();
}

}  // namespace

absl::Status StatusOf(int32_t code, const std::string& message) {
  if (code < 0 || code > kLastCode) return absl::InternalError(message);
  return absl::Status(static_cast<absl::StatusCode>(code), message);
}

void Assign(BytesView bytes, std::string& field) {
  field.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void Wipe(v1::Request& request) {
  Cleanse(request.mutable_input());
  request.Clear();
}

void Wipe(v1::Answer& answer) {
  Cleanse(answer.mutable_output());
  answer.Clear();
}

void Wipe(v1::Setup& setup) {
  if (setup.has_token()) Cleanse(setup.mutable_token()->mutable_pin());
  if (setup.has_library()) {
    // Of a token that the library opens, one may be the PIN.
    for (v1::Parameter& parameter : *setup.mutable_library()->mutable_parameters()) {
      Cleanse(parameter.mutable_value());
    }
  }
  setup.Clear();
}

}  // namespace aziot::keyd::worker
