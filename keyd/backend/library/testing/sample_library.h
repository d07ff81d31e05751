// The sample key library, opened as keyd opens one, over a directory of the test's own. Tests of one version
// share the loaded library: one at a time.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/testing/temp_dir.h"
#include "keyd/backend/library/library_backend.h"
#include "keyd/backend/library/testing/sample_report.h"

namespace aziot::keyd::library {

enum class SampleVersion { k20, k21 };

class SampleLibrary {
 public:
  using Parameters = std::vector<std::pair<std::string, std::string>>;

  explicit SampleLibrary(SampleVersion version = SampleVersion::k21) : version_(version) {}

  // Where the build put it.
  static std::string PathOf(SampleVersion version);
  // After homedir_path; what was opened before is forgotten, but not its keys.
  absl::StatusOr<std::unique_ptr<LibraryBackend>> Open(Parameters parameters = {}) const;
  SampleReport Report() const;
  std::string KeyFile(const std::string& id) const;

 private:
  const SampleVersion version_;
  const aziot::testing::TempDir home_;
};

}  // namespace aziot::keyd::library
