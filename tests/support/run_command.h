// A shell command as a user types it.
#pragma once

#include <string>

namespace aziot::tests {

struct Output {
  int status = -1;   // exit status, 128 when a signal ended it
  std::string text;  // standard output
};

Output RunCommand(const std::string& command);

// The source and the build directory of this run.
std::string SourceDir();
std::string BuildDir();

}  // namespace aziot::tests
