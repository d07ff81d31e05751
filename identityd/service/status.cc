// How provisioning and reconciliation stand, and the watch that tells a caller of each change of its
// identity.
#include <optional>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/log/log.h"
#include "common/rpc/errors.h"
#include "common/status/status_macros.h"
#include "identityd/service/answers.h"
#include "identityd/service/identity_service.h"

namespace aziot::identityd {

using identity::v1::WatchIdentityReply;

absl::StatusOr<identity::v1::Status> IdentityService::GetStatus(const Call& call,
                                                                const identity::v1::GetStatusRequest&) {
  const Lifecycle::View view = parts_.lifecycle.Look();
  identity::v1::Status status;
  status.set_provisioning(view.provisioning);
  if (view.device != nullptr) {
    status.set_hub_name(view.device->hub_name);
    status.set_device_id(view.device->device_id);
  }
  status.set_reconciliation(view.reconciliation);
  if (view.last_error) status.set_last_error(*view.last_error);
  if (view.next_attempt) {
    status.set_next_attempt(absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", *view.next_attempt, absl::UTCTimeZone()));
  }
  if (!view.substatus.empty()) status.set_substatus(view.substatus);
  const bool may_have_device = settings()->principals.Identify(call.peer).MayHaveDevice();
  if (may_have_device && !view.payload.empty()) status.set_payload(view.payload);
  return status;
}

absl::StatusOr<std::shared_ptr<rpc::Feed>> IdentityService::WatchIdentity(
    const Call& call, const identity::v1::WatchIdentityRequest&) {
  const uid_t uid = call.peer.uid;
  if (settings()->principals.Identify(call.peer).kind == CallerKind::kUnknown) {
    return rpc::NotAuthorized("authorization error");
  }
  RETURN_IF_ERROR(call.MoveTo(Lane::Peers()));
  auto first = std::make_shared<const WatchIdentityReply>(Current(uid).value_or(WatchIdentityReply()));
  std::shared_ptr<rpc::Feed> feed;
  {
    std::lock_guard lock(mutex_);
    feed = feeds_[uid].lock();
    if (feed == nullptr) {
      feed = std::make_shared<rpc::Feed>(std::move(first));
      feeds_[uid] = feed;
    }
  }
  // What changed between looking and listening is found by looking once more.
  parts_.changes.Note();
  return feed;
}

std::optional<WatchIdentityReply> IdentityService::Current(uid_t uid) {
  const auto settings = this->settings();
  const Caller caller = settings->principals.Identify(net::Peer{.uid = uid});
  const DevicePtr device = parts_.lifecycle.Device();
  WatchIdentityReply reply;
  if (device == nullptr) return reply;
  if (caller.MayHaveDevice()) {
    const absl::StatusOr<std::string> handle = parts_.device_key.Handle(*device);
    if (!handle.ok()) return std::nullopt;
    *reply.mutable_identity() = ToIdentity(*device, *handle);
    return reply;
  }
  if (caller.kind != CallerKind::kHostProcess || !caller.principal->idtypes->module) return reply;
  const std::optional<Module> module = parts_.modules.Known(*device, caller.principal->name);
  if (!module || !module->generation_id) return reply;
  const absl::StatusOr<std::string> handle = parts_.module_keys.PrimaryHandle(*module);
  if (!handle.ok()) return std::nullopt;
  *reply.mutable_identity() = ToIdentity(*device, *module, *handle);
  return reply;
}

void IdentityService::WatchLoop() {
  constexpr absl::Duration kAgain = absl::Seconds(5);
  uint64_t seen = 0;
  absl::Duration look_again = absl::InfiniteDuration();
  while (true) {
    seen = parts_.changes.WaitPast(seen, parts_.clock, look_again);
    look_again = absl::InfiniteDuration();
    if (parts_.changes.closed()) return;
    std::vector<std::pair<uid_t, std::shared_ptr<rpc::Feed>>> feeds;
    {
      std::lock_guard lock(mutex_);
      std::erase_if(feeds_, [](const auto& entry) { return entry.second.expired(); });
      for (const auto& [uid, feed] : feeds_) {
        if (std::shared_ptr<rpc::Feed> watched = feed.lock()) feeds.emplace_back(uid, std::move(watched));
      }
    }
    for (const auto& [uid, feed] : feeds) {
      const std::optional<WatchIdentityReply> now = Current(uid);
      if (!now) {
        log::Debug("identityd.service", "the watch of uid {} waits for keyd", uid);
        look_again = parts_.clock.Steady() + kAgain;
        continue;
      }
      if (now->SerializeAsString() == feed->Get().first->SerializeAsString()) continue;
      feed->Set(std::make_shared<const WatchIdentityReply>(*now));
    }
  }
}

}  // namespace aziot::identityd
