// `p11-kit server` in front of a SoftHSM2: a token of another process, reached through p11-kit-client.so.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/testing/temp_dir.h"

namespace aziot::keyd::pkcs11::testing {

class TokenServer {
 public:
  // Sets P11_KIT_SERVER_ADDRESS. Serves the SoftHSM2 of the environment; ends the process when it cannot.
  TokenServer();
  ~TokenServer();
  TokenServer(const TokenServer&) = delete;
  TokenServer& operator=(const TokenServer&) = delete;

  static std::string ClientModulePath();
  // SIGKILL, to the server and what serves its connections.
  void Kill();
  void Start();

 private:
  const aziot::testing::TempDir directory_;
  const std::string socket_ = directory_.Join("pkcs11");
  pid_t pid_ = 0;
};

}  // namespace aziot::keyd::pkcs11::testing
