// What the machine itself can do: the measures that the figures of a daemon are held against.
#pragma once

#include <sys/types.h>

#include <string>

#include "tests/bench/load.h"

namespace aziot::bench {

// A process that answers 256 bytes with 256 bytes over a Unix socket, each connection in its own thread.
class PingServer {
 public:
  PingServer(std::string socket, int threads);
  PingServer(const PingServer&) = delete;
  PingServer& operator=(const PingServer&) = delete;
  ~PingServer();

 private:
  pid_t pid_;
};

// "uds": over one connection. "connect": connect, ping, close.
Worker Ping(const std::string& socket);
Worker ConnectAndPing(const std::string& socket);

// "evp": the same crypto in one process, everything that can be prepared prepared.
Worker EvpHmac();
Worker EvpEcdsa();
Worker EvpRsa();
Worker EvpAead(size_t bytes);  // one call encrypts, the next decrypts

// "disk": a file beside, fsync, rename over, fsync of the directory.
Worker ReplaceFile(const std::string& directory);

}  // namespace aziot::bench
