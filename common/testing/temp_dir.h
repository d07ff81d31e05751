// A directory of a test's own, removed with all in it at the end.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace aziot::testing {

class TempDir {
 public:
  // Under $TMPDIR or /tmp, mode 0700; ends the process when it cannot be made. The path is short enough for
  // sockets.
  TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();

  const std::string& path() const { return path_; }
  // The path of `name` inside, which need not exist.
  std::string Join(absl::string_view name) const { return absl::StrCat(path_, "/", name); }

 private:
  std::string path_;
};

}  // namespace aziot::testing
