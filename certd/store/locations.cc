#include "certd/store/locations.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace aziot::certd {
namespace {

absl::Status CheckAcyclic(const std::map<CertId, Location>& preloaded, const CertId& id,
                          std::set<CertId>& above, std::set<CertId>& checked) {
  if (above.contains(id)) {
    return absl::InvalidArgumentError(absl::StrCat("preloaded_certs.\"", id.value(), "\" contains itself"));
  }
  const auto found = preloaded.find(id);
  if (found == preloaded.end() || !checked.insert(id).second) return absl::OkStatus();
  const Bundle* bundle = std::get_if<Bundle>(&found->second);
  if (bundle == nullptr) return absl::OkStatus();
  above.insert(id);
  for (const CertId& element : *bundle) RETURN_IF_ERROR(CheckAcyclic(preloaded, element, above, checked));
  above.erase(id);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Locations> Locations::New(std::map<CertId, Location> preloaded) {
  std::set<CertId> checked;
  for (const auto& [id, location] : preloaded) {
    std::set<CertId> above;
    RETURN_IF_ERROR(CheckAcyclic(preloaded, id, above, checked));
  }
  return Locations(std::move(preloaded));
}

const Location* Locations::Find(const CertId& id) const {
  const auto found = preloaded_.find(id);
  return found == preloaded_.end() ? nullptr : &found->second;
}

}  // namespace aziot::certd
