#include "aziotctl/super_config/super_config.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/bytes/secret.h"
#include "common/config/config.h"
#include "common/files/files.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::ctl {
namespace {

// What `iotedge config apply` reads from the same file.
constexpr absl::string_view kEdgeKeys[] = {"trust_bundle_cert",
                                           "manifest_trust_bundle_cert",
                                           "allow_elevated_docker_permissions",
                                           "auto_reprovisioning_mode",
                                           "additional_info",
                                           "iotedge_max_requests",
                                           "agent",
                                           "connect",
                                           "listen",
                                           "watchdog",
                                           "edge_ca",
                                           "moby_runtime",
                                           "image_garbage_collection",
                                           "tls"};

bool IsOfIotEdge(absl::string_view warning) {
  return std::any_of(std::begin(kEdgeKeys), std::end(kEdgeKeys), [&](absl::string_view key) {
    return absl::EndsWith(warning, absl::StrCat(": unknown key ", key, " is ignored"));
  });
}

}  // namespace

absl::StatusOr<SuperConfig> ParseSuperConfig(absl::string_view name, absl::string_view toml) {
  SuperConfig super;
  ASSIGN_OR_RETURN(super.warnings, config::LoadText(name, toml, super.message));
  std::erase_if(super.warnings, [](const std::string& warning) { return IsOfIotEdge(warning); });
  return super;
}

absl::StatusOr<SuperConfig> LoadSuperConfig(const std::string& path) {
  if (!files::Exists(path)) {
    return absl::NotFoundError(absl::StrCat(path,
                                            " does not exist; make one with `aziotctl config mp` or from ",
                                            "/etc/aziot/config.toml.template"));
  }
  absl::StatusOr<std::string> text = files::Read(path);
  if (!text.ok())
    return Annotate(text.status(), absl::StrCat("could not read config from ", path, "\ncaused by"));
  const Secret wiped = Secret::Take(*std::move(text));  // it may hold the device's key
  return ParseSuperConfig(path, wiped.ExposeText());
}

}  // namespace aziot::ctl
