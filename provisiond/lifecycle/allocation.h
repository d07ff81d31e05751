// Which hub a device goes to, and what happens to a device that has been somewhere before. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "provisiond/lifecycle/hubs.h"

namespace aziot::provisiond {

struct AllocationRule {
  std::string policy;                  // static, hashed
  std::string hub_host;                // iotHubHostName, or ""
  std::vector<std::string> hub_names;  // iotHubs; empty: all
};

// kInvalidState when no named hub exists here.
absl::StatusOr<const store::Hub*> ChooseHub(const AllocationRule& rule, absl::string_view registration_id,
                                            const Hubs& hubs);

// Rendezvous hash: the same id goes to the same hub as long as that hub stands, whatever others come and go.
// `candidates` must not be empty.
const store::Hub* Rendezvous(absl::string_view registration_id,
                             const std::vector<const store::Hub*>& candidates);

struct ReprovisionPolicy {
  bool update_hub_assignment = true;
  bool migrate_device_data = true;
};

enum class Move { kInitial, kStay, kMigrate, kReset };

// `current` is the hub of the registration record, or nullptr when there is none.
Move DecideMove(const store::Hub* current, const store::Hub& chosen, const ReprovisionPolicy& policy);

// initialAssignment, deviceDataMigrated, …
absl::string_view SubstatusOf(Move move);

}  // namespace aziot::provisiond
