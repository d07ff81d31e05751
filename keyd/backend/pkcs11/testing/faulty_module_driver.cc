#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/files/files.h"
#include "keyd/backend/pkcs11/testing/faulty_module.h"

namespace aziot::keyd::pkcs11::testing {

FaultyModule::FaultyModule() {
  setenv("AZIOT_FAULTY_BEHIND", aziot::testing::SoftHsm::ModulePath().c_str(), 1);
  setenv("AZIOT_FAULTY_CONTROL", directory_.Join("rules").c_str(), 1);
  setenv("AZIOT_FAULTY_LOG", directory_.Join("log").c_str(), 1);
}

FaultyModule::~FaultyModule() {
  for (const char* name : {"AZIOT_FAULTY_BEHIND", "AZIOT_FAULTY_CONTROL", "AZIOT_FAULTY_LOG"}) unsetenv(name);
}

std::string FaultyModule::Path() {
  const char* build = std::getenv("AZIOT_BUILD_DIR");
  return absl::StrCat(build == nullptr ? "." : build, "/test/libaziot_faulty_pkcs11.so");
}

void FaultyModule::Follow(absl::string_view rules) {
  const std::string next = directory_.Join("rules.next");
  std::ofstream(next, std::ios::binary) << rules << "\n";
  std::rename(next.c_str(), directory_.Join("rules").c_str());
}

std::string FaultyModule::Log() const { return files::Read(directory_.Join("log")).value_or(""); }

int FaultyModule::Calls(absl::string_view function) const {
  int calls = 0;
  for (const absl::string_view line : absl::StrSplit(Log(), '\n')) {
    if (absl::StartsWith(line, absl::StrCat(function, " "))) ++calls;
  }
  return calls;
}

int FaultyModule::AllCalls() const {
  const std::string log = Log();
  return static_cast<int>(std::count(log.begin(), log.end(), '\n'));
}

void FaultyModule::ForgetCalls() { unlink(directory_.Join("log").c_str()); }

}  // namespace aziot::keyd::pkcs11::testing
