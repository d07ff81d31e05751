#include "tests/support/run_command.h"

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>

namespace aziot::tests {
namespace {

std::string FromEnvironment(const char* variable, const char* otherwise) {
  const char* value = std::getenv(variable);
  return value == nullptr ? otherwise : value;
}

}  // namespace

Output RunCommand(const std::string& command) {
  Output output;
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return output;
  char buffer[4096];
  size_t count;
  while ((count = std::fread(buffer, 1, sizeof buffer, pipe)) > 0) output.text.append(buffer, count);
  const int status = pclose(pipe);
  output.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return output;
}

std::string SourceDir() { return FromEnvironment("AZIOT_SOURCE_DIR", "."); }
std::string BuildDir() { return FromEnvironment("AZIOT_BUILD_DIR", "build/release"); }

}  // namespace aziot::tests
