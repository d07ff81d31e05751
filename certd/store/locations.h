// Where certificates lie: `[preloaded_certs]` ties an id to a file of the operator's, or makes it a bundle of
// other ids; every other id has a file of its own in the store. Immutable; a reload makes a new one.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ids/id.h"

namespace aziot::certd {

// A location whose scheme we do not serve; kept so that only its own use fails.
struct UnusableLocation {
  std::string uri;
};
struct FileLocation {
  std::string path;
};
using Bundle = std::vector<CertId>;
using Location = std::variant<FileLocation, Bundle, UnusableLocation>;

class Locations {
 public:
  Locations() = default;
  // kInvalidArgument for bundles that contain themselves, directly or through others.
  static absl::StatusOr<Locations> New(std::map<CertId, Location> preloaded);

  // nullptr: the id is not preloaded.
  const Location* Find(const CertId& id) const;

 private:
  explicit Locations(std::map<CertId, Location> preloaded) : preloaded_(std::move(preloaded)) {}
  std::map<CertId, Location> preloaded_;
};

}  // namespace aziot::certd
