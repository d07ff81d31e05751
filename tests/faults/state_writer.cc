// The writes of identityd's stores and of certd's switch of certificate and key, one a run, as a program that
// the interposer can be preloaded into.
#include <cstdio>
#include <string>

#include "certd/renewal/keyd_pairs.h"
#include "certd/renewal/pair_switch.h"
#include "common/files/files.h"
#include "identityd/device/device_store.h"
#include "identityd/modules/module_backups.h"
#include "tests/faults/sample_state.h"

namespace aziot::tests::faults {
namespace {

absl::Status RunSwitch(const std::string& what, const std::string& socket, const std::string& file) {
  client::Client keyd({.socket = socket, .api_version = "2021-05-01"});
  certd::KeydPairs pairs(keyd);
  certd::PairSwitch pair_switch(pairs);
  const certd::PairSwitch::Names names{file, *KeyId::Parse("est-id"), *KeyId::Parse("est-id-temp")};
  if (what == "recover") return pair_switch.Recover(names);
  return pair_switch.Run(names, files::Read(file + ".fresh").value_or(""));
}

absl::Status Write(const std::string& what, const std::string& home) {
  identityd::DeviceStore store(home);
  if (what == "device") return store.Save(NewDevice(), kNewSettings, {.trust_bundle = "new", .payload = "2"});
  if (what == "settings") return store.SaveSettings(kNewSettings);
  identityd::ModuleBackups backups(home);
  backups.Use(OldDevice());
  if (what == "module") backups.Save(NewModule("there"));
  if (what == "new-module") backups.Save(NewModule("new"));
  if (what == "remove-module") backups.Remove("there");
  if (what == "note") return backups.NoteCreated(NewModule("new"));
  return absl::OkStatus();
}

}  // namespace
}  // namespace aziot::tests::faults

// WHAT HOME, or switch|recover SOCKET FILE.
int main(int argc, char** argv) {
  using namespace aziot::tests::faults;
  const absl::Status status = argc == 4 ? RunSwitch(argv[1], argv[2], argv[3]) : Write(argv[1], argv[2]);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
