// Typed calls to a daemon's socket: REST underneath, blocking, no gRPC. Thread-safe; keeps a few connections.
#pragma once

#include <google/protobuf/message.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/http/client.h"
#include "common/net/unique_fd.h"

namespace aziot::client {

struct Options {
  std::string socket;
  std::string api_version;  // "2021-05-01"
  absl::Duration timeout = absl::Seconds(30);
  // Attempts after the first, for connections refused or broken; never after an answer.
  int retries = 1;
  absl::Duration retry_pause = absl::Seconds(3);
};

// What the daemon answered when it was not the rpc's success code. Found in a status by AnswerOf.
struct Answer {
  int http_status = 0;
  std::string message;  // of its {"message": …} body
};

class Client {
 public:
  explicit Client(Options options);

  // Calls the rpc named `method` ("aziot.keys.v1.Keys.Sign") by its REST rule. A refusal of the daemon is a
  // status whose code follows its HTTP status (400/422 kInvalidArgument, 401 kPermissionDenied, 404
  // kNotFound, else kInternal) and whose text is its message, see AnswerOf; a daemon that is not there is
  // kUnavailable, one that does not answer in time kDeadlineExceeded.
  template <class Out>
  absl::StatusOr<Out> Call(absl::string_view method, const google::protobuf::Message& request) {
    Out reply;
    if (absl::Status status = Run(method, request, reply); !status.ok()) return status;
    return reply;
  }

  // Ends the running and all later calls with kCancelled, within a second; any thread.
  void Cancel();

  const std::string& socket() const { return options_.socket; }

 private:
  absl::Status Run(absl::string_view method, const google::protobuf::Message& request,
                   google::protobuf::Message& reply);
  absl::StatusOr<http::Response> Send(const http::Request& request);
  std::unique_ptr<http::UnixClient> TakeIdle();
  // False once the client is cancelled.
  bool Pause(absl::Duration length);

  const Options options_;
  const net::UniqueFd stop_;  // readable once the client is cancelled
  std::mutex mutex_;
  std::condition_variable wake_;
  bool cancelled_ = false;
  std::vector<std::unique_ptr<http::UnixClient>> idle_;
};

// The daemon's own answer behind a status made by Client, or nullopt when there was none (not reached).
std::optional<Answer> AnswerOf(const absl::Status& status);

}  // namespace aziot::client
