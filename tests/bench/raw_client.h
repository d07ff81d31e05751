// The cheapest client there is: blocking, one request at a time, written and read by hand.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "common/net/unique_fd.h"
#include "tests/bench/load.h"

namespace aziot::bench {

// A connected socket, or none.
net::UniqueFd Connect(const std::string& path);

class RawClient {
 public:
  explicit RawClient(std::string socket) : socket_(std::move(socket)) {}

  // Connects when it is not connected. False: not answered, or not with 200; then it is not connected.
  bool Ask(absl::string_view wire);
  void Disconnect() { fd_.reset(); }
  // Of the last answer.
  absl::string_view body() const { return absl::string_view(answer_).substr(body_from_); }

 private:
  bool Receive();

  const std::string socket_;
  net::UniqueFd fd_;
  std::string answer_;
  size_t body_from_ = 0;
};

// The bytes of a request with a JSON body.
std::string Post(absl::string_view target, absl::string_view json);
std::string Get(absl::string_view target);

// Repeats `wire`, over one connection or over a new one each time.
Worker KeptAlive(const std::string& socket, const std::string& wire);
Worker OneConnectionEach(const std::string& socket, const std::string& wire);
// `first` and `second` in turn.
Worker Alternating(const std::string& socket, const std::string& first, const std::string& second);

}  // namespace aziot::bench
