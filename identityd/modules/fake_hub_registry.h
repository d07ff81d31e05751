// A hub for tests, in the process: modules with generation ids and etags, and failures on demand.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "identityd/modules/hub_registry.h"

namespace aziot::identityd {

class FakeHubRegistry final : public HubRegistry {
 public:
  // Every call fails like this until it is set to OK.
  void Fail(absl::Status status) {
    std::lock_guard lock(mutex_);
    failure_ = std::move(status);
  }
  // Calls that concern this module fail like this.
  void FailFor(const std::string& module_id, absl::Status status) {
    std::lock_guard lock(mutex_);
    failures_[module_id] = std::move(status);
  }
  static absl::Status Away() {
    return Blame(Party::kHub, Reason::kNetwork, absl::UnavailableError("hub is away"));
  }

  // As somebody else would, in the cloud.
  void Put(const std::string& id, const std::string& generation) {
    std::lock_guard lock(mutex_);
    modules_[id] = Module{.module_id = id,
                          .device_id = "dev1",
                          .generation_id = generation,
                          .managed_by = {},
                          .etag = absl::StrCat("e", ++etag_),
                          .keys_digest = DigestKeys("hub", "keys")};
  }
  void Edit(const std::string& id, const std::function<void(Module&)>& edit) {
    std::lock_guard lock(mutex_);
    edit(modules_.at(id));
  }
  void Erase(const std::string& id) {
    std::lock_guard lock(mutex_);
    modules_.erase(id);
  }
  std::map<std::string, Module> modules() const {
    std::lock_guard lock(mutex_);
    return modules_;
  }
  int gets() const {
    std::lock_guard lock(mutex_);
    return gets_;
  }
  int updates() const {
    std::lock_guard lock(mutex_);
    return updates_;
  }

  absl::StatusOr<std::vector<Module>> List(const DeviceIdentity&) override {
    std::lock_guard lock(mutex_);
    if (!failure_.ok()) return failure_;
    std::vector<Module> all;
    for (const auto& [id, module] : modules_) all.push_back(module);
    return all;
  }
  absl::StatusOr<Module> Get(const DeviceIdentity&, absl::string_view id) override {
    std::lock_guard lock(mutex_);
    ++gets_;
    if (absl::Status failure = FailureFor(id); !failure.ok()) return failure;
    const auto found = modules_.find(std::string(id));
    if (found == modules_.end()) return Gone();
    return found->second;
  }
  absl::StatusOr<Module> Create(const DeviceIdentity& device, absl::string_view id) override {
    std::lock_guard lock(mutex_);
    if (absl::Status failure = FailureFor(id); !failure.ok()) return failure;
    if (modules_.contains(std::string(id))) {
      return Blame(Party::kHub, Reason::kModuleExists, absl::UnknownError("ModuleAlreadyExistsOnDevice"));
    }
    Module& module = modules_[std::string(id)];
    module = Module{.module_id = std::string(id),
                    .device_id = device.device_id,
                    .generation_id = absl::StrCat("g", ++generation_),
                    .managed_by = {},
                    .etag = absl::StrCat("e", ++etag_),
                    .keys_digest = DigestKeys("made", "by hub")};
    return module;
  }
  absl::StatusOr<Module> Update(const DeviceIdentity&, const Module& module,
                                const ModuleKeyPair& keys) override {
    std::lock_guard lock(mutex_);
    ++updates_;
    if (absl::Status failure = FailureFor(module.module_id); !failure.ok()) return failure;
    const auto found = modules_.find(module.module_id);
    if (found == modules_.end()) return Gone();
    if (!module.etag.empty() && module.etag != found->second.etag) {
      return Blame(Party::kHub, Reason::kChanged, absl::UnknownError("412"));
    }
    found->second.keys_digest = DigestKeys(keys.primary.ExposeText(), keys.secondary.ExposeText());
    found->second.managed_by = module.managed_by;
    found->second.etag = absl::StrCat("e", ++etag_);
    return found->second;
  }
  absl::Status Delete(const DeviceIdentity&, absl::string_view id) override {
    std::lock_guard lock(mutex_);
    if (absl::Status failure = FailureFor(id); !failure.ok()) return failure;
    return modules_.erase(std::string(id)) == 1 ? absl::OkStatus() : Gone();
  }

 private:
  static absl::Status Gone() {
    return Blame(Party::kHub, Reason::kModuleGone, absl::UnknownError("ErrorCode:ModuleNotFound"));
  }
  absl::Status FailureFor(absl::string_view id) const {
    if (!failure_.ok()) return failure_;
    const auto found = failures_.find(std::string(id));
    return found != failures_.end() ? found->second : absl::OkStatus();
  }

  mutable std::mutex mutex_;
  std::map<std::string, Module> modules_;
  absl::Status failure_;
  std::map<std::string, absl::Status> failures_;
  int generation_ = 0;
  int etag_ = 0;
  int gets_ = 0;
  int updates_ = 0;
};

}  // namespace aziot::identityd
