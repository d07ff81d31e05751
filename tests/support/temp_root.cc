#include "tests/support/temp_root.h"

#include <cstdio>
#include <cstdlib>

#include "common/files/files.h"
#include "tests/support/run_command.h"

namespace aziot::tests {

TempRoot::TempRoot() {
  char name[] = "/tmp/aziot-test.XXXXXX";
  if (mkdtemp(name) == nullptr) std::abort();
  path_ = name;
  const Output users = RunCommand(absl::StrCat(SourceDir(), "/packaging/users"));
  const Output layout = RunCommand(absl::StrCat(SourceDir(), "/packaging/private-root ", path_));
  if (users.status == 0 && layout.status == 0) return;
  std::fprintf(stderr, "could not lay out %s; these tests run as root\n", path_.c_str());
  std::abort();
}

TempRoot::~TempRoot() { files::RemoveTree(path_).IgnoreError(); }

}  // namespace aziot::tests
