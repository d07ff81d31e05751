#include "openssl-engine/engine/engine_settings.h"

#include "openssl-engine/key_ref.h"

namespace aziot::openssl_engine {

EngineSettings::EngineSettings() {
  Endpoint endpoint;
  endpoint.socket_path = AZIOT_SOCKET_DIR "/keyd.sock";
  endpoint.api_version = "2021-05-01";
  current_ = new Version{std::move(endpoint), nullptr};
}

EngineSettings::~EngineSettings() {
  for (const Version* version = current_; version != nullptr;) {
    const Version* before = version->before;
    delete version;
    version = before;
  }
}

const Endpoint& EngineSettings::endpoint() const { return current_.load()->endpoint; }

template <class Change>
void EngineSettings::Replace(Change change) {
  const Version* before = current_;
  auto next = std::make_unique<Version>(Version{before->endpoint, before});
  change(next->endpoint);
  if (next->endpoint.socket_path == before->endpoint.socket_path &&
      next->endpoint.api_version == before->endpoint.api_version) {
    return;  // programs that say it again for each connection must not pile up versions
  }
  while (!current_.compare_exchange_weak(before, next.get())) {
    next->endpoint = before->endpoint;
    next->before = before;
    change(next->endpoint);
  }
  next.release();
}

Result<bool> EngineSettings::SetSocketPath(std::string_view path) {
  if (const char* fault = SocketPathFault(path)) {
    return Failure{Reason::kInvalidInput, std::string("SOCKET_PATH ") + fault};
  }
  Replace([&](Endpoint& endpoint) { endpoint.socket_path = path; });
  return true;
}

Result<bool> EngineSettings::SetApiVersion(std::string_view version) {
  if (version.empty()) return Failure{Reason::kInvalidInput, "API_VERSION is empty"};
  Replace([&](Endpoint& endpoint) { endpoint.api_version = PercentEncode(version); });
  return true;
}

}  // namespace aziot::openssl_engine
