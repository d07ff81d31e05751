// Transport: one blocking call to keyd or certd, one connection for each. It keeps no state, so it may be
// used from any thread and after a fork, and it never raises a signal. A call that the daemon closed without
// a word, or that it refused to connect while restarting, is tried again: every call of this room may safely
// run twice.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "openssl-engine/result.h"

namespace aziot::openssl_engine {

struct Endpoint {
  std::string socket_path;
  std::string api_version;  // goes into the query as it is
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds io_timeout{30000};  // for the whole exchange; RSA-4096 in an HSM can take seconds
  int max_retries = 5;
  std::chrono::milliseconds first_pause{20};  // doubled each time; the real pause is half of it to all of it
  const char* peer = "keyd";                  // or "certd": who answers there
};

// Sends `body` (empty: none) to `path`, which is without query, and gives back the JSON text of a 200.
// kUnreachable, kTimeout, kBadAnswer or kRefused otherwise, with path and cause in the text; kInvalidInput
// when the socket's path cannot be one.
Result<std::string> Call(const Endpoint& endpoint, std::string_view verb, std::string_view path,
                         std::string_view body);

}  // namespace aziot::openssl_engine
