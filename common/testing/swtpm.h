// A TPM 2.0 of a test's own: a swtpm process on a socket of a fresh directory, ended with the object. It has
// been started up and has no SRK, no EK and no passwords.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/testing/temp_dir.h"

namespace aziot::testing {

// Not thread-safe. The process ends with the thread that started it, so that a test that dies leaves none.
class Swtpm {
 public:
  // Ends the test program when swtpm cannot be started.
  Swtpm();
  Swtpm(const Swtpm&) = delete;
  Swtpm& operator=(const Swtpm&) = delete;
  ~Swtpm();

  // For TctiLdr, TPM2TOOLS_TCTI and TPM2OPENSSL_TCTI. swtpm serves one connection at a time; others wait.
  std::string tcti() const { return "swtpm:path=" + socket_; }

  // The process; 0 after Kill.
  pid_t pid() const { return pid_; }

  // SIGKILL: the TPM is gone, as when its driver is unloaded. What it had made persistent stays.
  void Kill();
  // Starts it again after Kill.
  void Start();
  // A power cycle: transient objects and sessions are lost.
  void Restart();
  // Another TPM on the same socket: other seeds, nothing persistent.
  void Wipe();

 private:
  const TempDir directory_;
  const std::string socket_ = directory_.Join("tpm");
  const std::string state_ = directory_.Join("state");
  pid_t pid_ = 0;
};

}  // namespace aziot::testing
