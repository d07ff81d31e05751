#include "keyd/backend/library/testing/sample_library.h"

#include <dlfcn.h>

#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace aziot::keyd::library {

std::string SampleLibrary::PathOf(SampleVersion version) {
  const char* build = std::getenv("AZIOT_BUILD_DIR");
  return absl::StrCat(build == nullptr ? "." : build, "/test/libsample_keys_",
                      version == SampleVersion::k21 ? "2_1" : "2_0", ".so");
}

absl::StatusOr<std::unique_ptr<LibraryBackend>> SampleLibrary::Open(Parameters parameters) const {
  parameters.insert(parameters.begin(), {"homedir_path", home_.path()});
  return LibraryBackend::Open({.path = PathOf(version_), .parameters = std::move(parameters)});
}

SampleReport SampleLibrary::Report() const {
  SampleReport report = {};
  void* library = dlopen(PathOf(version_).c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (library == nullptr) return report;
  reinterpret_cast<decltype(&sample_keys_report)>(dlsym(library, "sample_keys_report"))(&report);
  dlclose(library);
  return report;
}

std::string SampleLibrary::KeyFile(const std::string& id) const {
  return home_.Join(absl::StrCat(absl::BytesToHexString(id), ".key"));
}

}  // namespace aziot::keyd::library
