// A private root laid out by packaging/private-root, removed at the end. Its path is short: a socket path
// ends at 107 bytes.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace aziot::tests {

class TempRoot {
 public:
  // Ends the process when it cannot be made (not root, or no service users).
  TempRoot();
  TempRoot(const TempRoot&) = delete;
  TempRoot& operator=(const TempRoot&) = delete;
  ~TempRoot();

  const std::string& path() const { return path_; }
  std::string Join(absl::string_view relative) const { return absl::StrCat(path_, "/", relative); }

 private:
  std::string path_;
};

}  // namespace aziot::tests
