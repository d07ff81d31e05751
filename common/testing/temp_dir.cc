#include "common/testing/temp_dir.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace aziot::testing {

TempDir::TempDir() {
  const char* parent = std::getenv("TMPDIR");
  path_ = absl::StrCat(parent != nullptr && *parent != '\0' ? parent : "/tmp", "/aziot-XXXXXX");
  if (mkdtemp(path_.data()) == nullptr) {
    std::perror(path_.c_str());
    std::abort();
  }
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace aziot::testing
