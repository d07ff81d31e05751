#include "keyd/config.h"

#include <algorithm>
#include <map>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "aziot/config/v1/keyd.pb.h"
#include "common/ids/id.h"
#include "common/status/status_macros.h"
#include "common/uri/uri.h"

namespace aziot::keyd {
namespace {

using Parameters = std::map<std::string, std::string>;

constexpr absl::string_view kParameters[] = {"homedir_path",   "pkcs11_base_slot", "pkcs11_lib_path",
                                             "tpm_owner_auth", "tpm_parent",       "tpm_parent_auth",
                                             "tpm_symmetric",  "tpm_tcti"};
// TPM 2.0, part 2, 10.4.2: the largest authorization value of a SHA-512 TPM.
constexpr size_t kMostAuthBytes = 64;

absl::Status Wrong(absl::string_view option, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat("[aziot_keys] ", option, ": ", problem));
}

absl::Status CheckNames(const Parameters& parameters) {
  for (const auto& [name, value] : parameters) {
    if (std::find(std::begin(kParameters), std::end(kParameters), name) == std::end(kParameters)) {
      return Wrong(name,
                   absl::StrCat("unknown parameter; expected one of ", absl::StrJoin(kParameters, ", ")));
    }
  }
  return absl::OkStatus();
}

std::optional<std::string> Find(const Parameters& parameters, const std::string& name) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? std::nullopt : std::optional(found->second);
}

// RFC 7512, 2.3: a URI that names another module than the one in use does not match.
absl::Status CheckModule(const uri::Pkcs11Uri& token, const BackendOptions& options) {
  if (!token.module_path.has_value() || token.module_path == options.pkcs11_lib_path) return absl::OkStatus();
  return absl::InvalidArgumentError("its module-path is not that of [aziot_keys] pkcs11_lib_path");
}

absl::Status ReadTokenOptions(const Parameters& parameters, BackendOptions& options) {
  options.pkcs11_lib_path = Find(parameters, "pkcs11_lib_path");
  const auto slot = Find(parameters, "pkcs11_base_slot");
  if (!slot.has_value()) return absl::OkStatus();
  const absl::StatusOr<uri::Uri> parsed = uri::Parse(*slot);
  if (!parsed.ok()) return Wrong("pkcs11_base_slot", parsed.status().message());
  const auto* token = std::get_if<uri::Pkcs11Uri>(&*parsed);
  if (token == nullptr) return Wrong("pkcs11_base_slot", "expected a pkcs11: URI");
  if (const absl::Status module = CheckModule(*token, options); !module.ok()) {
    return Wrong("pkcs11_base_slot", module.message());
  }
  options.pkcs11_base_slot = *token;
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> ParseParent(const std::string& text) {
  uint32_t handle = 0;
  if (!absl::StartsWithIgnoreCase(text, "0x") || !absl::SimpleHexAtoi(text, &handle)) {
    return Wrong("tpm_parent", "expected a handle such as \"0x81000001\"");
  }
  return handle;
}

absl::Status ReadTpmOptions(const Parameters& parameters, BackendOptions& options) {
  const auto tcti = Find(parameters, "tpm_tcti");
  if (!tcti.has_value()) return absl::OkStatus();
  if (!options.homedir_path.has_value()) {
    return Wrong("tpm_tcti", "keys of the TPM are kept wrapped in files: homedir_path is needed");
  }
  TpmKeyOptions tpm{.tcti = *tcti};
  if (const auto parent = Find(parameters, "tpm_parent"); parent.has_value()) {
    ASSIGN_OR_RETURN(tpm.parent, ParseParent(*parent));
  }
  for (const auto& [name, value] : {std::pair{"tpm_owner_auth", &TpmKeyOptions::owner_auth},
                                    std::pair{"tpm_parent_auth", &TpmKeyOptions::parent_auth}}) {
    tpm.*value = Find(parameters, name).value_or("");
    if ((tpm.*value).size() > kMostAuthBytes) return Wrong(name, "longer than 64 bytes");
  }
  const std::string symmetric = Find(parameters, "tpm_symmetric").value_or("seal");
  if (symmetric != "seal" && symmetric != "file") return Wrong("tpm_symmetric", "expected seal or file");
  tpm.seals = symmetric == "seal";
  options.tpm = std::move(tpm);
  return absl::OkStatus();
}

absl::Status AddPreloaded(const std::string& id, const std::string& location, BackendOptions& options) {
  const std::string option = absl::StrCat("[preloaded_keys] \"", id, "\"");
  if (id.empty()) return absl::InvalidArgumentError(absl::StrCat(option, ": a key id is needed"));
  if (!KeyId::Parse(id).ok()) {
    return absl::InvalidArgumentError(absl::StrCat(option, ": no NUL may be in a key id"));
  }
  absl::StatusOr<uri::Uri> parsed = uri::Parse(location);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(option, ": expected a file:, pkcs11: or tpm: URI: ", parsed.status().message()));
  }
  if (const auto* token = std::get_if<uri::Pkcs11Uri>(&*parsed)) {
    if (const absl::Status module = CheckModule(*token, options); !module.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(option, ": ", module.message()));
    }
  }
  options.preloaded.emplace(id, *std::move(parsed));
  return absl::OkStatus();
}

absl::Status ReadBackendOptions(const config::v1::Keyd& message, KeydConfig& values) {
  const Parameters parameters(message.aziot_keys().begin(), message.aziot_keys().end());
  const Parameters preloaded(message.preloaded_keys().begin(), message.preloaded_keys().end());
  BackendOptions& options = values.backend;
  if (message.has_key_library()) {
    options.key_library = message.key_library();
    options.library_parameters = parameters;
    options.library_preloaded = preloaded;
    // Which parameters there are is the library's to say; ids and locations are not.
    BackendOptions unused;
    for (const auto& [id, location] : preloaded) RETURN_IF_ERROR(AddPreloaded(id, location, unused));
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(CheckNames(parameters));
  options.homedir_path = Find(parameters, "homedir_path");
  RETURN_IF_ERROR(ReadTokenOptions(parameters, options));
  RETURN_IF_ERROR(ReadTpmOptions(parameters, options));
  for (const auto& [id, location] : preloaded) RETURN_IF_ERROR(AddPreloaded(id, location, options));
  if (options.pkcs11_base_slot.has_value() && !options.pkcs11_lib_path.has_value()) {
    values.warnings.push_back("[aziot_keys] pkcs11_base_slot: has no effect without pkcs11_lib_path");
  }
  for (const auto& [name, value] : parameters) {
    if (absl::StartsWith(name, "tpm_") && !options.tpm.has_value()) {
      values.warnings.push_back(absl::StrCat("[aziot_keys] ", name, ": has no effect without tpm_tcti"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<KeydConfig> ToValues(const config::v1::Keyd& message, std::vector<std::string> warnings) {
  KeydConfig values;
  values.warnings = std::move(warnings);
  RETURN_IF_ERROR(ReadBackendOptions(message, values));
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
