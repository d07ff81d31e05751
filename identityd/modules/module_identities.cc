#include "identityd/modules/module_identities.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "identityd/attestation/failure.h"

namespace aziot::identityd {
namespace {

constexpr absl::Duration kFresh = absl::Minutes(1);
// No module id: an id from the wire holds no NUL.
const std::string kWholeList(1, '\0');

absl::Status NeedsGeneration(const Module& module) {
  if (module.generation_id && !module.generation_id->empty()) return absl::OkStatus();
  return absl::FailedPreconditionError("module identity not found");
}

}  // namespace

// The right to change one module, or to store what the hub said about it.
class ModuleIdentities::Turn {
 public:
  Turn(ModuleIdentities& modules, absl::string_view id) : modules_(modules), id_(id) {
    std::unique_lock lock(modules_.mutex_);
    modules_.turn_over_.wait(lock, [&] { return !modules_.in_turn_.contains(id_); });
    modules_.in_turn_.insert(id_);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    {
      std::lock_guard lock(modules_.mutex_);
      modules_.in_turn_.erase(id_);
    }
    modules_.turn_over_.notify_all();
  }

 private:
  ModuleIdentities& modules_;
  const std::string id_;
};

ModuleIdentities::ModuleIdentities(HubRegistry& hub, ModuleKeys& keys, ModuleBackups& backups,
                                   IdentityChanges& changes, Clock& clock)
    : hub_(hub), keys_(keys), changes_(changes), clock_(clock), backups_(backups) {
  refresher_ = std::thread([this] { RefreshLoop(); });
}

ModuleIdentities::~ModuleIdentities() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  refresher_.join();
}

void ModuleIdentities::Adopt(const DeviceIdentity& device) {
  {
    std::lock_guard lock(mutex_);
    if (IsAdopted(device)) {
      device_ = device;
      return;
    }
  }
  std::lock_guard disk(disk_);
  backups_.Use(device);
  std::vector<Module> saved = backups_.All();
  std::lock_guard lock(mutex_);
  device_ = device;
  listed_.reset();
  if (!saved.empty()) listed_ = -absl::InfiniteDuration();
  refresh_.clear();
  entries_.clear();
  for (Module& module : saved) {
    std::string id = module.module_id;
    entries_.insert_or_assign(std::move(id), Entry{std::move(module), -absl::InfiniteDuration()});
  }
}

void ModuleIdentities::PreferCache(bool prefer) {
  std::lock_guard lock(mutex_);
  prefer_cache_ = prefer;
}

bool ModuleIdentities::IsAdopted(const DeviceIdentity& device) const {
  return device_ && device_->SameDevice(device);
}

bool ModuleIdentities::IsOld(absl::Duration since) const { return clock_.Steady() - since > kFresh; }

void ModuleIdentities::Queue(const DeviceIdentity& device, const std::string& what) {
  refresh_.emplace(what, device);
  work_.notify_all();
}

std::optional<Module> ModuleIdentities::Known(const DeviceIdentity& device, absl::string_view id) {
  std::lock_guard lock(mutex_);
  if (!IsAdopted(device)) return std::nullopt;
  const auto found = entries_.find(id);
  if (found == entries_.end()) return std::nullopt;
  if (!prefer_cache_ && IsOld(found->second.since)) Queue(device, found->first);
  return found->second.module;
}

absl::StatusOr<Module> ModuleIdentities::Get(const DeviceIdentity& device, absl::string_view id) {
  std::optional<Module> known = Known(device, id);
  if (known && NeedsGeneration(*known).ok()) return *std::move(known);
  ASSIGN_OR_RETURN(Module module, FetchOne(device, id));
  RETURN_IF_ERROR(NeedsGeneration(module));
  return module;
}

absl::StatusOr<Module> ModuleIdentities::FetchOne(const DeviceIdentity& device, absl::string_view id) {
  const Turn turn(*this, id);
  absl::StatusOr<Module> module = hub_.Get(device, id);
  if (module.ok()) {
    Store(device, *module);
  } else if (ReasonOf(module.status()) == Reason::kModuleGone) {
    Drop(device, id);
  }
  return module;
}

std::optional<std::vector<Module>> ModuleIdentities::KnownList(const DeviceIdentity& device) {
  std::lock_guard lock(mutex_);
  if (!IsAdopted(device) || (!listed_ && !prefer_cache_)) return std::nullopt;
  if (!prefer_cache_ && IsOld(*listed_)) Queue(device, kWholeList);
  std::vector<Module> modules;
  for (const auto& [id, entry] : entries_) modules.push_back(entry.module);
  return modules;
}

absl::StatusOr<std::vector<Module>> ModuleIdentities::List(const DeviceIdentity& device) {
  if (std::optional<std::vector<Module>> known = KnownList(device)) return *std::move(known);
  absl::StatusOr<std::vector<Module>> modules = Fetch(device);
  if (modules.ok()) return modules;
  std::lock_guard lock(mutex_);
  if (!IsAdopted(device) || entries_.empty()) return modules;
  log::Warn("Listing the modules that are known: {}", modules.status());
  modules = std::vector<Module>();
  for (const auto& [id, entry] : entries_) modules->push_back(entry.module);
  return modules;
}

absl::StatusOr<std::vector<Module>> ModuleIdentities::Fetch(const DeviceIdentity& device) {
  uint64_t before;
  {
    std::lock_guard lock(mutex_);
    before = changes_made_;
  }
  absl::StatusOr<std::vector<Module>> modules = hub_.List(device);
  if (!modules.ok()) return modules;
  {
    std::lock_guard disk(disk_);
    {
      std::lock_guard lock(mutex_);
      // An answer that was overtaken by a creation or deletion would undo it here.
      if (!IsAdopted(device) || changes_made_ != before || !in_turn_.empty()) return modules;
      entries_.clear();
      for (const Module& module : *modules) {
        entries_.insert_or_assign(module.module_id, Entry{module, clock_.Steady()});
      }
      listed_ = clock_.Steady();
    }
    for (const Module& module : *modules) backups_.Save(module);
    backups_.KeepOnly(*modules);
  }
  changes_.Note();
  return modules;
}

absl::StatusOr<Module> ModuleIdentities::Create(const DeviceIdentity& device, absl::string_view id,
                                                Existing existing) {
  const Turn turn(*this, id);
  absl::StatusOr<Module> created = hub_.Create(device, id);
  if (!created.ok()) {
    const bool update = existing == Existing::kUpdate && ReasonOf(created.status()) == Reason::kModuleExists;
    if (update) return UpdateInTurn(device, id);
    return created;
  }
  RETURN_IF_ERROR(NeedsGeneration(*created));
  {
    std::lock_guard disk(disk_);
    if (const absl::Status noted = backups_.NoteCreated(*created); !noted.ok()) {
      log::Warn("Module {} will not be removed when its principal is: {}", created->module_id, noted);
    }
  }
  created->etag.clear();
  return Register(device, *created);
}

absl::StatusOr<Module> ModuleIdentities::Update(const DeviceIdentity& device, absl::string_view id) {
  const Turn turn(*this, id);
  return UpdateInTurn(device, id);
}

absl::StatusOr<Module> ModuleIdentities::UpdateInTurn(const DeviceIdentity& device, absl::string_view id) {
  for (int attempt = 1;; ++attempt) {
    const absl::StatusOr<Module> module = hub_.Get(device, id);
    if (ReasonOf(module.status()) == Reason::kModuleGone) Drop(device, id);
    RETURN_IF_ERROR(module.status());
    RETURN_IF_ERROR(NeedsGeneration(*module));
    absl::StatusOr<Module> updated = Register(device, *module);
    const bool changed = !updated.ok() && ReasonOf(updated.status()) == Reason::kChanged;
    if (!changed || attempt == 2) return updated;
  }
}

absl::StatusOr<Module> ModuleIdentities::Register(const DeviceIdentity& device, const Module& module) {
  ASSIGN_OR_RETURN(const ModuleKeyPair keys, keys_.Export(module));
  ASSIGN_OR_RETURN(Module registered, hub_.Update(device, module, keys));
  if (!registered.generation_id) registered.generation_id = module.generation_id;
  Store(device, registered);
  return registered;
}

absl::Status ModuleIdentities::Delete(const DeviceIdentity& device, absl::string_view id) {
  const Turn turn(*this, id);
  const absl::Status status = hub_.Delete(device, id);
  if (!status.ok() && ReasonOf(status) != Reason::kModuleGone) return status;
  Drop(device, id);
  return status;
}

void ModuleIdentities::Store(const DeviceIdentity& device, const Module& module) {
  bool changed = false;
  {
    std::lock_guard disk(disk_);
    {
      std::lock_guard lock(mutex_);
      if (!IsAdopted(device)) return;
      ++changes_made_;
      const auto found = entries_.find(module.module_id);
      changed = found == entries_.end() || found->second.module.generation_id != module.generation_id;
      entries_.insert_or_assign(module.module_id, Entry{module, clock_.Steady()});
    }
    backups_.Save(module);
  }
  if (changed) changes_.Note();
}

void ModuleIdentities::Drop(const DeviceIdentity& device, absl::string_view id) {
  {
    std::lock_guard disk(disk_);
    {
      std::lock_guard lock(mutex_);
      if (!IsAdopted(device)) return;
      ++changes_made_;
      entries_.erase(std::string(id));
    }
    backups_.Remove(id);
    if (const absl::Status status = backups_.ForgetCreated(id); !status.ok()) log::Warn("{}", status);
  }
  changes_.Note();
}

bool ModuleIdentities::IsOurs(const Module& module) {
  std::lock_guard disk(disk_);
  const std::optional<std::string> generation = backups_.CreatedGeneration(module.module_id);
  return generation && generation == module.generation_id;
}

void ModuleIdentities::InheritCreated(const std::vector<Module>& modules) {
  std::lock_guard disk(disk_);
  if (const absl::Status status = backups_.BeginRecord(modules); !status.ok()) log::Warn("{}", status);
}

void ModuleIdentities::RefreshLoop() {
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [&] { return stopping_ || !refresh_.empty(); });
    if (stopping_) return;
    const auto [what, device] = *refresh_.begin();
    lock.unlock();
    const absl::Status status = what == kWholeList ? Fetch(device).status() : FetchOne(device, what).status();
    if (ReasonOf(status) == Reason::kDeviceGone || ReasonOf(status) == Reason::kUnauthorized) {
      log::Warn("The hub refuses the device while its known identities are served: {}", status);
    } else if (!status.ok()) {
      log::Debug("identityd.modules", "refreshing behind the answer: {}", status);
    }
    lock.lock();
    refresh_.erase(what);
    if (status.ok()) continue;
    // What could not be refreshed counts as asked, so that a dead hub is not asked once for every call.
    if (what == kWholeList) {
      if (listed_) listed_ = clock_.Steady();
    } else if (const auto found = entries_.find(what); found != entries_.end()) {
      found->second.since = clock_.Steady();
    }
  }
}

}  // namespace aziot::identityd
