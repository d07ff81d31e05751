// What runs in keyd's workers: the module of a token, or a replacement library.
#include "common/status/status_macros.h"
#include "keyd/backend/backends.h"
#include "keyd/backend/library/library_backend.h"
#include "keyd/backend/pkcs11/token_backend.h"
#include "keyd/backend/worker/serve_worker.h"

namespace aziot::keyd {
namespace {

namespace v1 = keys::worker::v1;

absl::StatusOr<std::unique_ptr<KeyBackend>> NewLibrary(const v1::Library& library) {
  library::LibraryOptions options{.path = library.path()};
  for (const v1::Parameter& parameter : library.parameters()) {
    options.parameters.emplace_back(parameter.name(), parameter.value());
  }
  ASSIGN_OR_RETURN(std::unique_ptr<KeyBackend> backend, library::LibraryBackend::Open(options));
  return backend;
}

uri::Pkcs11Uri TokenOf(const v1::Token& token) {
  uri::Pkcs11Uri uri;
  if (token.has_label()) uri.token = token.label();
  if (token.has_slot_id()) uri.slot_id = token.slot_id();
  if (token.has_manufacturer()) uri.manufacturer = token.manufacturer();
  if (token.has_model()) uri.model = token.model();
  if (token.has_serial()) uri.serial = token.serial();
  return uri;
}

void Note(pkcs11::LoginEvent event, worker::LoginRecord& logins) {
  switch (event) {
    case pkcs11::LoginEvent::kStarts:
      return logins.Starts();
    case pkcs11::LoginEvent::kAccepted:
      return logins.Ends(worker::LoginRecord::State::kAccepted);
    case pkcs11::LoginEvent::kRefused:
      return logins.Ends(worker::LoginRecord::State::kRefused);
    case pkcs11::LoginEvent::kFailed:
      return logins.Ends(worker::LoginRecord::State::kUntried);
  }
}

absl::StatusOr<std::unique_ptr<KeyBackend>> NewToken(const v1::Token& token, worker::LoginRecord& logins) {
  // Here rather than at the first call: a path that is no module is a mistake in the configuration.
  RETURN_IF_ERROR(pkcs11::Module::Load(token.module_path()).status());
  pkcs11::TokenOptions options{.module_path = token.module_path(), .token = TokenOf(token)};
  if (token.has_pin()) options.pin_value = Secret(ToBytesView(token.pin()));
  if (token.has_pin_source()) options.pin_source = token.pin_source();
  options.pin_refused_before = logins.refused();
  options.observe_login = [&logins](pkcs11::LoginEvent event) { Note(event, logins); };
  options.creates = token.creates();
  for (const auto& [id, object] : token.preloaded()) {
    pkcs11::ObjectName& name = options.preloaded[id];
    if (object.has_label()) name.label = object.label();
    if (object.has_id()) name.id = object.id();
  }
  return std::make_unique<pkcs11::TokenBackend>(std::move(options));
}

absl::StatusOr<std::unique_ptr<KeyBackend>> NewBackend(const v1::Setup& setup, worker::LoginRecord& logins) {
  switch (setup.backend_case()) {
    case v1::Setup::kLibrary:
      return NewLibrary(setup.library());
    case v1::Setup::kToken:
      return NewToken(setup.token(), logins);
    case v1::Setup::BACKEND_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("a worker without a purpose");
}

}  // namespace

int RunKeyWorker() { worker::ServeWorker(NewBackend); }

}  // namespace aziot::keyd
