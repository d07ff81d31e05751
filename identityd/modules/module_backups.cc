#include "identityd/modules/module_backups.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/bytes/hex.h"
#include "common/files/files.h"
#include "common/log/log.h"
#include "common/openssl/digest.h"
#include "common/openssl/hashed_name.h"
#include "common/status/status_macros.h"

namespace aziot::identityd {
namespace {

using nlohmann::json;

std::string HashOf(absl::string_view text) { return FormatHex(openssl::Sha256(ToBytesView(text))); }

}  // namespace

std::string DeviceDirectoryName(absl::string_view hub, absl::string_view device) {
  return absl::StrCat(HashOf(hub), "-", HashOf(device));
}

std::string ModuleFileName(absl::string_view module_id) { return openssl::HashedName(module_id); }

ModuleBackups::ModuleBackups(absl::string_view homedir)
    : root_(absl::StrCat(homedir, "/modules")),
      created_file_(absl::StrCat(homedir, "/created_modules.json")) {
  ReadCreated();
}

void ModuleBackups::Use(const DeviceIdentity& device) {
  const std::string name = DeviceDirectoryName(device.hub_name, device.device_id);
  directory_ = absl::StrCat(root_, "/", name);
  // A disk that fails for a moment must not cost the copies.
  if (absl::IsNotFound(files::List(directory_).status())) {
    if (const absl::Status status = files::RemoveTree(root_); !status.ok()) log::Warn("{}", status);
  }
  absl::Status made = files::MakeDirectory(root_, 0700);
  if (made.ok()) made = files::MakeDirectory(directory_, 0700);
  if (made.ok()) made = files::RemoveLeftovers(directory_);
  if (!made.ok()) log::Warn("Could not prepare the directory of module copies: {}", made);
}

std::optional<Module> ModuleBackups::Find(absl::string_view module_id) const {
  const absl::StatusOr<std::string> text =
      files::Read(absl::StrCat(directory_, "/", ModuleFileName(module_id)));
  if (!text.ok()) return std::nullopt;
  absl::StatusOr<Module> module = ParseModule(*text);
  if (!module.ok()) return std::nullopt;
  module->keys_digest.reset();
  return *std::move(module);
}

std::vector<Module> ModuleBackups::All() const {
  std::vector<Module> modules;
  const absl::StatusOr<std::vector<std::string>> names = files::List(directory_);
  if (!names.ok()) return modules;
  for (const std::string& name : *names) {
    const absl::StatusOr<std::string> text = files::Read(absl::StrCat(directory_, "/", name));
    absl::StatusOr<Module> module = text.ok() ? ParseModule(*text) : text.status();
    if (!module.ok()) {
      log::Warn("Ignoring the copy of a module in {}/{}: {}", directory_, name, module.status());
      continue;
    }
    modules.push_back(*std::move(module));
  }
  return modules;
}

void ModuleBackups::Save(const Module& module) {
  const std::string path = absl::StrCat(directory_, "/", ModuleFileName(module.module_id));
  const std::string text = FormatModule(module);
  if (const absl::StatusOr<std::string> present = files::Read(path); present.ok() && *present == text) return;
  if (const absl::Status status = files::Replace(path, text, 0600); !status.ok()) {
    log::Warn("Could not save a copy of module {}: {}", module.module_id, status);
  }
}

void ModuleBackups::Remove(absl::string_view module_id) {
  const absl::Status status = files::Remove(absl::StrCat(directory_, "/", ModuleFileName(module_id)));
  if (!status.ok()) log::Warn("Could not remove the copy of module {}: {}", module_id, status);
}

void ModuleBackups::KeepOnly(const std::vector<Module>& modules) {
  std::set<std::string> wanted;
  for (const Module& module : modules) wanted.insert(ModuleFileName(module.module_id));
  const absl::StatusOr<std::vector<std::string>> names = files::List(directory_);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    if (wanted.contains(name)) continue;
    const absl::Status status = files::Remove(absl::StrCat(directory_, "/", name));
    if (!status.ok()) log::Warn("Could not remove the copy of a module: {}", status);
  }
}

std::optional<std::string> ModuleBackups::CreatedGeneration(absl::string_view module_id) const {
  const auto found = created_.find(std::string(module_id));
  if (found == created_.end()) return std::nullopt;
  return found->second;
}

absl::Status ModuleBackups::NoteCreated(const Module& module) {
  std::string& generation = created_[module.module_id];
  if (generation == module.generation_id.value_or("") && !generation.empty() && !unsaved_)
    return absl::OkStatus();
  generation = module.generation_id.value_or("");
  return WriteCreated();
}

absl::Status ModuleBackups::BeginRecord(const std::vector<Module>& modules) {
  if (has_record_) return unsaved_ ? WriteCreated() : absl::OkStatus();
  for (const Module& module : modules) created_[module.module_id] = module.generation_id.value_or("");
  return WriteCreated();
}

absl::Status ModuleBackups::ForgetCreated(absl::string_view module_id) {
  if (created_.erase(std::string(module_id)) == 0 && !unsaved_) return absl::OkStatus();
  return WriteCreated();
}

absl::Status ModuleBackups::WriteCreated() {
  has_record_ = true;
  unsaved_ = true;
  json object = json::object();
  for (const auto& [id, generation] : created_) object[id] = generation;
  RETURN_IF_ERROR(
      files::Replace(created_file_, object.dump(-1, ' ', false, json::error_handler_t::replace), 0600));
  unsaved_ = false;
  return absl::OkStatus();
}

void ModuleBackups::ReadCreated() {
  const absl::StatusOr<std::string> text = files::Read(created_file_);
  if (!text.ok()) {
    if (!absl::IsNotFound(text.status()))
      log::Warn("Ignoring the record of created modules: {}", text.status());
    return;
  }
  has_record_ = true;
  const json document = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) {
    log::Warn("Ignoring the record of created modules: {} holds no JSON object", created_file_);
    return;
  }
  for (const auto& [id, generation] : document.items()) {
    if (generation.is_string()) created_[id] = generation.get<std::string>();
  }
}

}  // namespace aziot::identityd
