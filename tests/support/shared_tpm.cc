#include "tests/support/shared_tpm.h"

#include <signal.h>
#include <sys/stat.h>

#include <filesystem>

#include "absl/strings/strip.h"

namespace aziot::tests {

void SharedTpm::Start() {
  swtpm_.Start();
  Open();
}

void SharedTpm::Hang() { kill(swtpm_.pid(), SIGSTOP); }

void SharedTpm::Open() {
  const std::string socket(absl::StripPrefix(swtpm_.tcti(), "swtpm:path="));
  chmod(std::filesystem::path(socket).parent_path().c_str(), 0755);
  chmod(socket.c_str(), 0666);
  chmod((socket + ".ctrl").c_str(), 0666);
}

}  // namespace aziot::tests
