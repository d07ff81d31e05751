// OpenSSH's agent with one key, asked to sign over its own protocol (draft-ietf-sshm-ssh-agent).
#pragma once

#include <string>

#include "tests/bench/load.h"

namespace aziot::bench {

class SshAgentPeer {
 public:
  // Makes a key with `ssh-keygen <key_options>` and starts an agent that holds it; its files go into
  // `directory`.
  SshAgentPeer(const std::string& directory, const std::string& key_options);
  SshAgentPeer(const SshAgentPeer&) = delete;
  SshAgentPeer& operator=(const SshAgentPeer&) = delete;
  ~SshAgentPeer();

  // Signs 32 bytes, each client over a connection of its own.
  Worker Sign() const;

 private:
  std::string socket_;
  pid_t pid_ = 0;
};

}  // namespace aziot::bench
