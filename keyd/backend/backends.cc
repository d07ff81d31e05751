#include "keyd/backend/backends.h"

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "keyd/backend/file/file_backend.h"

namespace aziot::keyd {
namespace {

using Made = absl::StatusOr<std::unique_ptr<KeyBackend>>;

struct BackendEntry {
  bool (*is_wanted)(const BackendOptions&);
  Made (*make)(const BackendOptions&);
};

Made NotYet(absl::string_view option) {
  return absl::UnimplementedError(
      absl::StrCat(option, ": not supported yet; remove it to keep keys in files"));
}

Made NewFileBackend(const BackendOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<file::FileBackend> backend,
                   file::FileBackend::Open({.home = options.homedir_path,
                                            .preloaded = options.preloaded_files,
                                            .elsewhere = options.preloaded_on_token}));
  return backend;
}

// In the order in which locations are tried; the first that is wanted serves.
constexpr BackendEntry kBackends[] = {
    {[](const BackendOptions& options) { return options.key_library.has_value(); },
     [](const BackendOptions&) { return NotYet("key_library"); }},
    {[](const BackendOptions& options) { return options.pkcs11_lib_path.has_value(); },
     [](const BackendOptions&) { return NotYet("[aziot_keys] pkcs11_lib_path"); }},
    {[](const BackendOptions&) { return true; }, NewFileBackend},
};

}  // namespace

Made NewKeyBackend(const BackendOptions& options) {
  for (const BackendEntry& entry : kBackends) {
    if (entry.is_wanted(options)) return entry.make(options);
  }
  return absl::InvalidArgumentError("no key backend");
}

}  // namespace aziot::keyd
