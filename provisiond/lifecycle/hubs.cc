#include "provisiond/lifecycle/hubs.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace aziot::provisiond {

std::string HostName(absl::string_view host) {
  if (const size_t colon = host.rfind(':');
      colon != absl::string_view::npos && host.find(']', colon) == absl::string_view::npos) {
    host = host.substr(0, colon);
  }
  return absl::AsciiStrToLower(host);
}

absl::StatusOr<std::unique_ptr<Hubs>> Hubs::Sync(store::Database& database,
                                                 const std::vector<Configured>& configured, int64_t now) {
  std::vector<store::Hub> hubs;
  RETURN_IF_ERROR(database.Write([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(std::vector<store::Hub> stored, store::ListHubs(session));
    for (store::Hub& hub : stored) {
      hub.active = false;
      RETURN_IF_ERROR(store::PutHub(session, hub, now));
    }
    for (const Configured& hub : configured) {
      RETURN_IF_ERROR(store::PutHub(session, {"", HostName(hub.name), hub.weight, true}, now));
    }
    ASSIGN_OR_RETURN(hubs, store::ListHubs(session));
    return absl::OkStatus();
  }));
  const auto place = [&](const store::Hub& hub) {
    return std::find_if(configured.begin(), configured.end(),
                        [&](const Configured& entry) { return HostName(entry.name) == hub.host_name; }) -
           configured.begin();
  };
  std::stable_sort(hubs.begin(), hubs.end(),
                   [&](const store::Hub& a, const store::Hub& b) { return place(a) < place(b); });
  return std::unique_ptr<Hubs>(new Hubs(std::move(hubs)));
}

const store::Hub* Hubs::ById(absl::string_view id) const {
  const auto found =
      std::find_if(hubs_.begin(), hubs_.end(), [&](const store::Hub& hub) { return hub.id == id; });
  return found == hubs_.end() ? nullptr : &*found;
}

const store::Hub* Hubs::ByName(absl::string_view host) const {
  const std::string name = HostName(host);
  const auto found =
      std::find_if(hubs_.begin(), hubs_.end(), [&](const store::Hub& hub) { return hub.host_name == name; });
  return found == hubs_.end() ? nullptr : &*found;
}

const store::Hub* Hubs::ByRequestHost(absl::string_view host) const {
  if (const store::Hub* hub = ByName(host); hub != nullptr) return hub;
  const std::string name = HostName(host);
  const bool loopback = name.empty() || name == "localhost" || absl::EndsWith(name, ".localhost") ||
                        absl::StartsWith(name, "127.") || name == "[::1]";
  return loopback ? &Default() : nullptr;
}

std::string Hubs::AddressOf(absl::string_view name) const {
  const int port = port_;
  return port == 443 ? std::string(name) : absl::StrCat(name, ":", port);
}

}  // namespace aziot::provisiond
