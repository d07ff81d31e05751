// EngineSettings: where one ENGINE asks, as its control commands set it. Keys take a copy when they are
// loaded. Readers take no lock, so a process may fork while another thread loads a key.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "openssl-engine/result.h"
#include "openssl-engine/transport.h"

namespace aziot::openssl_engine {

class EngineSettings {
 public:
  EngineSettings();
  ~EngineSettings();
  EngineSettings(const EngineSettings&) = delete;
  EngineSettings& operator=(const EngineSettings&) = delete;

  const Endpoint& endpoint() const;

  // kInvalidInput when `path` cannot be a socket's.
  Result<bool> SetSocketPath(std::string_view path);
  Result<bool> SetApiVersion(std::string_view version);

 private:
  // Versions stay until the end: a reader may still look at an older one.
  struct Version {
    Endpoint endpoint;
    const Version* before;
  };
  template <class Change>
  void Replace(Change change);

  std::atomic<const Version*> current_;
};

}  // namespace aziot::openssl_engine
