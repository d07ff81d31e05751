#include "identityd/modules/reconciler.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/https/answer_headers.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "identityd/attestation/failure.h"

namespace aziot::identityd {
namespace {

constexpr size_t kAtATime = 4;
constexpr size_t kNamed = 3;

struct Task {
  std::string module_id;
  std::function<absl::Status()> run;
};

struct Failure {
  std::string module_id;
  absl::Status status;
};

// The reason that decides what to do next wins over the others.
Reason Gravest(const std::vector<Failure>& failures) {
  for (const Reason reason :
       {Reason::kDeviceGone, Reason::kUnauthorized, Reason::kNetwork, Reason::kThrottled}) {
    for (const Failure& failure : failures) {
      if (ReasonOf(failure.status) == reason) return reason;
    }
  }
  return Reason::kOther;
}

bool ConcernsTheDevice(const absl::Status& status) {
  return ReasonOf(status) == Reason::kDeviceGone || ReasonOf(status) == Reason::kUnauthorized;
}

absl::Status Combine(const std::vector<Failure>& failures, size_t tasks) {
  if (failures.empty()) return absl::OkStatus();
  std::vector<std::string> named;
  for (const Failure& failure : failures) {
    if (named.size() == kNamed) break;
    named.push_back(absl::StrCat(failure.module_id, ": ", failure.status.message()));
  }
  const Reason reason = Gravest(failures);
  const auto hub = std::find_if(failures.begin(), failures.end(), [](const Failure& failure) {
    return PartyOf(failure.status) == Party::kHub;
  });
  absl::Duration wait;
  for (const Failure& failure : failures) wait = std::max(wait, https::RetryAfterOf(failure.status));
  const absl::Status& example = hub != failures.end() ? hub->status : failures.front().status;
  absl::Status combined(example.code(),
                        absl::StrCat(failures.size(), " of ", tasks,
                                     " module identities failed: ", absl::StrJoin(named, "; ")));
  if (wait > absl::ZeroDuration()) combined = https::WithRetryAfter(std::move(combined), wait);
  return Blame(PartyOf(example), reason, std::move(combined));
}

absl::Status RunAll(const std::vector<Task>& tasks) {
  std::atomic<size_t> next = 0;
  std::atomic<bool> ended = false;
  std::atomic<size_t> unreached = 0;
  std::mutex mutex;
  std::vector<Failure> failures;
  const auto work = [&] {
    for (size_t i = next++; i < tasks.size() && !ended; i = next++) {
      absl::Status status = tasks[i].run();
      if (status.ok()) continue;
      log::Warn("Could not reconcile module identity \"{}\": {}", tasks[i].module_id, status);
      // A hub that is away fails them all; one module that it cannot serve must not hold up the rest for
      // ever.
      if (ReasonOf(status) == Reason::kNetwork && ++unreached == kAtATime) ended = true;
      if (ConcernsTheDevice(status)) ended = true;
      std::lock_guard lock(mutex);
      failures.push_back({tasks[i].module_id, std::move(status)});
    }
  };
  std::vector<std::thread> threads;
  try {
    for (size_t i = 1; i < std::min(kAtATime, tasks.size()); ++i) threads.emplace_back(work);
  } catch (const std::system_error& error) {
    log::Warn("Reconciling with {} threads: {}", threads.size() + 1, error.what());
  }
  work();
  for (std::thread& thread : threads) thread.join();
  return Combine(failures, tasks.size());
}

}  // namespace

absl::Status Reconciler::Ensure(const DeviceIdentity& device, const Module& module) {
  if (module.keys_digest && module.generation_id) {
    ASSIGN_OR_RETURN(const ModuleKeyPair keys, keys_.Export(module));
    if (DigestKeys(keys.primary.ExposeText(), keys.secondary.ExposeText()) == module.keys_digest) {
      log::Info("Hub identity \"{}\" already exists", module.module_id);
      return absl::OkStatus();
    }
  }
  RETURN_IF_ERROR(modules_.Update(device, module.module_id).status());
  log::Info("Hub identity \"{}\" updated with its keys", module.module_id);
  return absl::OkStatus();
}

absl::Status Reconciler::Run(const DeviceIdentity& device, const ReconcileOrder& order) {
  ASSIGN_OR_RETURN(const std::vector<Module> present, modules_.Fetch(device));

  std::vector<Module> ours_before;
  for (const Module& module : present) {
    if (order.previous.contains(module.module_id)) ours_before.push_back(module);
  }
  modules_.InheritCreated(ours_before);

  std::vector<Task> tasks;
  std::set<std::string> missing = order.wanted;
  for (const Module& module : present) {
    missing.erase(module.module_id);
    const bool wanted = order.wanted.contains(module.module_id);
    const bool previous = order.previous.contains(module.module_id);
    if (wanted && previous && !order.verify_keys) {
      log::Info("Hub identity \"{}\" already exists", module.module_id);
    } else if (wanted) {
      tasks.push_back({module.module_id, [this, &device, &module] { return Ensure(device, module); }});
    } else if (previous && modules_.IsOurs(module)) {
      tasks.push_back({module.module_id, [this, &device, &module] {
                         const absl::Status status = modules_.Delete(device, module.module_id);
                         if (!status.ok() && ReasonOf(status) != Reason::kModuleGone) return status;
                         log::Info("Hub identity \"{}\" removed", module.module_id);
                         return absl::OkStatus();
                       }});
    }
  }
  for (const std::string& id : missing) {
    tasks.push_back({id, [this, &device, &id] {
                       RETURN_IF_ERROR(
                           modules_.Create(device, id, ModuleIdentities::Existing::kUpdate).status());
                       log::Info("Hub identity \"{}\" added", id);
                       return absl::OkStatus();
                     }});
  }
  return RunAll(tasks);
}

}  // namespace aziot::identityd
