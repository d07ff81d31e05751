#include "keyd/config.h"

#include <map>
#include <variant>

#include "absl/strings/str_cat.h"
#include "aziot/config/v1/keyd.pb.h"
#include "common/ids/id.h"
#include "common/status/status_macros.h"
#include "common/uri/uri.h"

namespace aziot::keyd {
namespace {

struct ParameterName {
  absl::string_view name;
  std::optional<std::string> BackendOptions::*value;
};
constexpr ParameterName kParameters[] = {
    {"homedir_path", &BackendOptions::homedir_path},
    {"pkcs11_lib_path", &BackendOptions::pkcs11_lib_path},
    {"pkcs11_base_slot", &BackendOptions::pkcs11_base_slot},
};

absl::Status SetParameter(const std::string& name, const std::string& value, BackendOptions& options) {
  for (const ParameterName& known : kParameters) {
    if (known.name != name) continue;
    options.*known.value = value;
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("[aziot_keys] ", name,
                   ": unknown parameter; expected homedir_path, pkcs11_lib_path or pkcs11_base_slot"));
}

absl::Status AddPreloaded(const std::string& id, const std::string& location, BackendOptions& options) {
  const std::string option = absl::StrCat("[preloaded_keys] \"", id, "\"");
  if (id.empty()) return absl::InvalidArgumentError(absl::StrCat(option, ": a key id is needed"));
  if (!KeyId::Parse(id).ok()) {
    return absl::InvalidArgumentError(absl::StrCat(option, ": no NUL may be in a key id"));
  }
  const absl::StatusOr<uri::Uri> parsed = uri::Parse(location);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(option, ": expected a file: or pkcs11: URI: ", parsed.status().message()));
  }
  if (const auto* file = std::get_if<uri::FileUri>(&*parsed)) {
    options.preloaded_files.emplace(id, file->path);
  } else {
    options.preloaded_on_token.insert(id);
  }
  return absl::OkStatus();
}

absl::StatusOr<KeydConfig> ToValues(const config::v1::Keyd& message, std::vector<std::string> warnings) {
  KeydConfig values;
  values.warnings = std::move(warnings);
  const std::map<std::string, std::string> parameters(message.aziot_keys().begin(),
                                                      message.aziot_keys().end());
  for (const auto& [name, value] : parameters) RETURN_IF_ERROR(SetParameter(name, value, values.backend));
  const std::map<std::string, std::string> preloaded(message.preloaded_keys().begin(),
                                                     message.preloaded_keys().end());
  for (const auto& [id, location] : preloaded) RETURN_IF_ERROR(AddPreloaded(id, location, values.backend));
  if (message.has_key_library()) values.backend.key_library = message.key_library();
  if (values.backend.pkcs11_base_slot.has_value() && !values.backend.pkcs11_lib_path.has_value()) {
    values.warnings.push_back("[aziot_keys] pkcs11_base_slot: has no effect without pkcs11_lib_path");
  }

  for (const config::v1::KeyPrincipal& principal : message.principal()) {
    values.principals.push_back({principal.uid(), {principal.keys().begin(), principal.keys().end()}});
  }
  if (message.has_max_requests()) values.max_requests = message.max_requests();
  if (values.max_requests == 0) return absl::InvalidArgumentError("max_requests: must be at least 1");
  values.limits = message.limits();
  if (message.has_grpc()) values.grpc = message.grpc();
  return values;
}

}  // namespace

bool SameButPrincipals(const KeydConfig& a, const KeydConfig& b) {
  return a.backend == b.backend && a.max_requests == b.max_requests && a.grpc == b.grpc &&
         a.limits.SerializeAsString() == b.limits.SerializeAsString();
}

absl::StatusOr<KeydConfig> LoadKeydConfig(const config::Sources& sources) {
  config::v1::Keyd message;
  ASSIGN_OR_RETURN(std::vector<std::string> warnings, config::Load(sources, message));
  return ToValues(message, std::move(warnings));
}

absl::StatusOr<KeydConfig> ParseKeydConfig(absl::string_view toml) {
  config::v1::Keyd message;
  ASSIGN_OR_RETURN(std::vector<std::string> warnings, config::LoadText("config.toml", toml, message));
  return ToValues(message, std::move(warnings));
}

}  // namespace aziot::keyd
