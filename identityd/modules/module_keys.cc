#include "identityd/modules/module_keys.h"

#include "absl/strings/str_cat.h"
#include "common/bytes/base64.h"
#include "common/status/status_macros.h"

namespace aziot::identityd {
namespace {

constexpr char kMasterKeyId[] = "aziot_identityd_master_id";

Secret Base64Of(const Secret& key) { return Secret::Take(FormatBase64(key.Expose())); }

}  // namespace

absl::StatusOr<std::string> ModuleKeys::Derive(const Module& module, absl::string_view which) {
  ASSIGN_OR_RETURN(const std::string master, keys_.LoadOrCreate(kMasterKeyId));
  return keys_.Derive(master,
                      absl::StrCat(module.module_id, ":", module.generation_id.value_or(""), ":", which));
}

std::string ModuleKeys::KnownHandle(const Module& module) {
  std::lock_guard lock(mutex_);
  const auto found = handles_.find(module.module_id);
  const bool known = found != handles_.end() && found->second.generation_id == module.generation_id;
  return known ? found->second.handle : "";
}

absl::StatusOr<std::string> ModuleKeys::PrimaryHandle(const Module& module) {
  if (std::string known = KnownHandle(module); !known.empty()) return known;
  ASSIGN_OR_RETURN(std::string handle, Derive(module, "primary"));
  Remember(module, handle);
  return handle;
}

void ModuleKeys::Remember(const Module& module, const std::string& handle) {
  std::lock_guard lock(mutex_);
  handles_.insert_or_assign(module.module_id, Remembered{module.generation_id.value_or(""), handle});
}

absl::StatusOr<ModuleKeyPair> ModuleKeys::Export(const Module& module) {
  ASSIGN_OR_RETURN(const std::string primary_handle, Derive(module, "primary"));
  ASSIGN_OR_RETURN(const std::string secondary_handle, Derive(module, "secondary"));
  ASSIGN_OR_RETURN(const Secret primary, keys_.Export(primary_handle));
  ASSIGN_OR_RETURN(const Secret secondary, keys_.Export(secondary_handle));
  Remember(module, primary_handle);
  return ModuleKeyPair{Base64Of(primary), Base64Of(secondary)};
}

void ModuleKeys::KeepOnly(const std::set<std::string>& module_ids) {
  std::lock_guard lock(mutex_);
  std::erase_if(handles_, [&](const auto& entry) { return !module_ids.contains(entry.first); });
}

}  // namespace aziot::identityd
