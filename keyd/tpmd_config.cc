#include "keyd/tpmd_config.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "aziot/config/v1/tpmd.pb.h"
#include "common/status/status_macros.h"
#include "keyd/tpm/ek.h"
#include "keyd/tpm/srk.h"

namespace aziot::keyd {
namespace {

constexpr uint32_t kOwnersHandles = 0x81000000;
constexpr uint32_t kDefaultAuthKeyIndex = 0x000100;

absl::StatusOr<TpmdConfig> ToValues(config::v1::Tpmd& message, std::vector<std::string> warnings) {
  TpmdConfig values;
  values.warnings = std::move(warnings);
  if (message.has_tcti()) values.tcti = message.tcti();
  values.auth_key_handle =
      kOwnersHandles + (message.has_auth_key_index() ? message.auth_key_index() : kDefaultAuthKeyIndex);
  // An import evicts what lies there.
  if (values.auth_key_handle == tpm::kSrkHandle || values.auth_key_handle == tpm::kEkHandle) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "auth_key_index: 0x%08x is the handle of the %s; choose another", values.auth_key_handle,
        values.auth_key_handle == tpm::kEkHandle ? "endorsement key" : "storage root key"));
  }
  config::v1::HierarchyAuthorization& hierarchy = *message.mutable_hierarchy_authorization();
  values.owner_auth = Secret::Take(std::move(*hierarchy.mutable_owner()));
  values.endorsement_auth = Secret::Take(std::move(*hierarchy.mutable_endorsement()));
  if (message.has_max_requests()) values.max_requests = message.max_requests();
  if (values.max_requests == 0) return absl::InvalidArgumentError("max_requests: must be at least 1");
  values.limits = message.limits();
  if (message.has_grpc()) values.grpc = message.grpc();
  return values;
}

}  // namespace

absl::StatusOr<TpmdConfig> LoadTpmdConfig(const config::Sources& sources) {
  config::v1::Tpmd message;
  ASSIGN_OR_RETURN(std::vector<std::string> warnings, config::Load(sources, message));
  return ToValues(message, std::move(warnings));
}

absl::StatusOr<TpmdConfig> ParseTpmdConfig(absl::string_view toml) {
  config::v1::Tpmd message;
  ASSIGN_OR_RETURN(std::vector<std::string> warnings, config::LoadText("config.toml", toml, message));
  return ToValues(message, std::move(warnings));
}

}  // namespace aziot::keyd
