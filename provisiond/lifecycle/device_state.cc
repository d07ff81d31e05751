#include "provisiond/lifecycle/device_state.h"

#include "absl/strings/str_cat.h"
#include "provisiond/lifecycle/fault.h"

namespace aziot::provisiond {
namespace {

struct Transition {
  absl::string_view from;
  Event event;
  absl::string_view to;
};

constexpr Transition kTransitions[] = {
    {kRegistered, Event::kProvision, kProvisioned},  {kRegistered, Event::kRevoke, kRevoked},
    {kProvisioned, Event::kProvision, kProvisioned}, {kProvisioned, Event::kDisable, kDisabled},
    {kProvisioned, Event::kEnable, kProvisioned},    {kProvisioned, Event::kRevoke, kRevoked},
    {kDisabled, Event::kDisable, kDisabled},         {kDisabled, Event::kEnable, kProvisioned},
    {kDisabled, Event::kRevoke, kRevoked},           {kRevoked, Event::kRevoke, kRevoked},
    {kRevoked, Event::kReprovision, kProvisioned},
};

constexpr absl::string_view kNames[] = {"provision", "disable", "enable", "revoke", "reprovision"};

}  // namespace

absl::StatusOr<absl::string_view> NextState(absl::string_view state, Event event) {
  for (const Transition& row : kTransitions) {
    if (row.from == state && row.event == event) return row.to;
  }
  return Refuse(Fault::kInvalidState,
                absl::StrCat("a device that is ", state, " cannot ", kNames[static_cast<size_t>(event)]));
}

}  // namespace aziot::provisiond
