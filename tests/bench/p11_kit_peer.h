// A SoftHSM token behind `p11-kit server`, used through p11-kit's client module: the usual way of Debian to
// keep a key in another process.
#pragma once

#include <sys/types.h>

#include <string>

#include "tests/bench/load.h"

namespace aziot::bench {

class P11KitPeer {
 public:
  // The client module has one connection a copy, and each client gets a copy.
  static constexpr int kClients = 4;

  // Its files go into `directory`.
  explicit P11KitPeer(const std::string& directory);
  P11KitPeer(const P11KitPeer&) = delete;
  P11KitPeer& operator=(const P11KitPeer&) = delete;
  ~P11KitPeer();

  // HMAC-SHA256 of 32 bytes.
  Worker Hmac() const;
  // ECDSA P-256 of 32 bytes, with a pair that lies on the token.
  Worker Ecdsa() const;
  // The same token and pair, with SoftHSM in the client's own process.
  static Worker EcdsaInProcess();

 private:
  std::string directory_;
  pid_t pid_ = 0;
};

}  // namespace aziot::bench
