#include "keyd/backend/backends.h"

#include "common/status/status_macros.h"
#include "keyd/backend/file/file_backend.h"
#include "keyd/backend/locations.h"
#include "keyd/backend/tokens.h"
#include "keyd/backend/tpm2/tpm_backend.h"
#include "keyd/backend/worker/remote_backend.h"

namespace aziot::keyd {
namespace {

namespace v1 = keys::worker::v1;

// What is found while the places for keys are set up, in the order in which they are tried.
struct Places {
  std::vector<KeyStore> stores;
  std::map<KeyId, size_t> preloaded;

  void Bind(const std::string& id) { preloaded.emplace(*KeyId::Parse(id), stores.size()); }
};

Secret SecretOf(const std::string& text) { return Secret(ToBytesView(text)); }

absl::Status AddTokens(const std::vector<TokenPlan>& tokens, bool creates, Places& places) {
  for (const TokenPlan& token : tokens) {
    if (token.creates != creates) continue;
    for (const auto& [id, object] : token.preloaded) places.Bind(id);
    ASSIGN_OR_RETURN(std::unique_ptr<KeyBackend> backend, worker::RemoteBackend::Start(OptionsOf(token)));
    places.stores.push_back({NameOf(token), std::move(backend), /*searched=*/creates});
  }
  return absl::OkStatus();
}

void AddTpm(const BackendOptions& options, Places& places) {
  if (!options.tpm.has_value()) return;
  tpm::TpmOptions device{.tcti = options.tpm->tcti, .owner_auth = SecretOf(options.tpm->owner_auth)};
  tpm2::TpmBackendOptions keys{
      .tpm = tpm::Tpm::New(std::move(device)),
      .directory = file::DirectoryUnder(*options.homedir_path),
      .parent_auth = SecretOf(options.tpm->parent_auth),
      .symmetric = options.tpm->seals ? tpm2::Symmetric::kSeal : tpm2::Symmetric::kFile};
  if (options.tpm->parent.has_value()) keys.parent = *options.tpm->parent;
  for (const auto& [id, location] : options.preloaded) {
    const auto* tpm = std::get_if<uri::TpmUri>(&location);
    if (tpm == nullptr) continue;
    keys.preloaded.emplace(id, tpm->object);
    places.Bind(id);
  }
  places.stores.push_back({"TPM", tpm2::TpmBackend::Open(std::move(keys))});
}

absl::Status AddFiles(const BackendOptions& options, Places& places) {
  file::FileOptions files{.home = options.homedir_path};
  for (const auto& [id, location] : options.preloaded) {
    if (const auto* file = std::get_if<uri::FileUri>(&location)) {
      files.preloaded.emplace(id, file->path);
    } else if (std::holds_alternative<uri::Pkcs11Uri>(location) ? options.pkcs11_lib_path.has_value()
                                                                : options.tpm.has_value()) {
      continue;
    } else {
      files.elsewhere.insert(id);
    }
    places.Bind(id);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<KeyBackend> backend, file::FileBackend::Open(std::move(files)));
  places.stores.push_back({"files", std::move(backend), /*searched=*/options.homedir_path.has_value()});
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<KeyBackend>> NewLibrary(const BackendOptions& options) {
  worker::RemoteOptions remote{.lane = {Lane::Named("library"), 1}};
  remote.setup.set_name("key library " + *options.key_library);
  v1::Library& library = *remote.setup.mutable_library();
  library.set_path(*options.key_library);
  const auto set = [&](const std::string& name, const std::string& value) {
    v1::Parameter& parameter = *library.add_parameters();
    parameter.set_name(name);
    parameter.set_value(value);
  };
  for (const auto& [name, value] : options.library_parameters) set(name, value);
  for (const auto& [id, location] : options.library_preloaded) set("preloaded_key:" + id, location);
  return worker::RemoteBackend::Start(std::move(remote));
}

}  // namespace

absl::StatusOr<std::unique_ptr<KeyBackend>> NewKeyBackend(const BackendOptions& options) {
  if (options.key_library.has_value()) return NewLibrary(options);
  ASSIGN_OR_RETURN(const std::vector<TokenPlan> tokens, PlanTokens(options));
  Places places;
  RETURN_IF_ERROR(AddTokens(tokens, /*creates=*/true, places));
  AddTpm(options, places);
  RETURN_IF_ERROR(AddFiles(options, places));
  RETURN_IF_ERROR(AddTokens(tokens, /*creates=*/false, places));
  if (places.stores.size() == 1) return std::move(places.stores.front().backend);
  return std::make_unique<Locations>(std::move(places.stores), places.preloaded);
}

}  // namespace aziot::keyd
