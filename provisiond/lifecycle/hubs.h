// The hubs of this process, as the configuration and the store agreed on them at start; and the names devices
// call them by, port included. Immutable but for the port, which is known once the server listens.
// Thread-safe.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provisiond/store/database.h"
#include "provisiond/store/hubs.h"

namespace aziot::provisiond {

class Hubs {
 public:
  struct Configured {
    std::string name;
    int64_t weight = 1;
  };
  // Writes `configured` to the store; stored hubs that are not among them are retired.
  static absl::StatusOr<std::unique_ptr<Hubs>> Sync(store::Database& database,
                                                    const std::vector<Configured>& configured, int64_t now);

  const store::Hub& Default() const { return hubs_.front(); }
  // The default one first.
  const std::vector<store::Hub>& all() const { return hubs_; }
  const store::Hub* ById(absl::string_view id) const;
  // Case and port do not count; nullptr for a name that is no hub's.
  const store::Hub* ByName(absl::string_view host) const;
  // As ByName, but loopback names fall to the default hub.
  const store::Hub* ByRequestHost(absl::string_view host) const;

  void SetPort(int port) { port_ = port; }
  // `name`, with the port when it is not 443.
  std::string AddressOf(absl::string_view name) const;

 private:
  explicit Hubs(std::vector<store::Hub> hubs) : hubs_(std::move(hubs)) {}

  const std::vector<store::Hub> hubs_;
  std::atomic<int> port_{443};
};

// Lower case, without port.
std::string HostName(absl::string_view host);

}  // namespace aziot::provisiond
