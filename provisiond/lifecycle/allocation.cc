#include "provisiond/lifecycle/allocation.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/openssl/digest.h"
#include "provisiond/lifecycle/fault.h"

namespace aziot::provisiond {
namespace {

double Score(absl::string_view registration_id, const store::Hub& hub) {
  const std::string text = absl::StrCat(hub.host_name, "\n", registration_id);
  const auto digest = openssl::Sha256(ToBytesView(text));
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i) number = number << 8 | digest[i];
  const double uniform = (static_cast<double>(number >> 11) + 0.5) / 9007199254740992.0;  // in (0, 1)
  return -static_cast<double>(hub.weight) / std::log(uniform);
}

}  // namespace

const store::Hub* Rendezvous(absl::string_view registration_id,
                             const std::vector<const store::Hub*>& candidates) {
  return *std::max_element(candidates.begin(), candidates.end(),
                           [&](const store::Hub* a, const store::Hub* b) {
                             return Score(registration_id, *a) < Score(registration_id, *b);
                           });
}

absl::StatusOr<const store::Hub*> ChooseHub(const AllocationRule& rule, absl::string_view registration_id,
                                            const Hubs& hubs) {
  std::vector<std::string> names = rule.hub_names;
  if (rule.policy == "static") {
    if (!rule.hub_host.empty()) names = {rule.hub_host};
    if (names.empty()) return &hubs.Default();
    const store::Hub* hub = hubs.ByName(names.front());
    if (hub == nullptr || !hub->active) {
      return Refuse(Fault::kInvalidState, absl::StrCat("hub ", names.front(), " is not one of this service"));
    }
    return hub;
  }
  std::vector<const store::Hub*> candidates;
  for (const store::Hub& hub : hubs.all()) {
    const bool allowed =
        names.empty() || std::any_of(names.begin(), names.end(), [&](const std::string& name) {
          return HostName(name) == hub.host_name;
        });
    if (hub.active && hub.weight > 0 && allowed) candidates.push_back(&hub);
  }
  if (candidates.empty()) return Refuse(Fault::kInvalidState, "no hub of the enrolment takes devices");
  return Rendezvous(registration_id, candidates);
}

Move DecideMove(const store::Hub* current, const store::Hub& chosen, const ReprovisionPolicy& policy) {
  if (current == nullptr) return Move::kInitial;
  if (current->id == chosen.id || !policy.update_hub_assignment) return Move::kStay;
  return policy.migrate_device_data ? Move::kMigrate : Move::kReset;
}

absl::string_view SubstatusOf(Move move) {
  switch (move) {
    case Move::kInitial:
      return "initialAssignment";
    case Move::kMigrate:
      return "deviceDataMigrated";
    case Move::kReset:
      return "deviceDataReset";
    case Move::kStay:
      break;
  }
  return "reprovisionedToInitialAssignment";
}

}  // namespace aziot::provisiond
