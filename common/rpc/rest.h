// Our rpcs as REST, made from their rules: a request becomes a method and a typed message, a reply or a
// status becomes a response. Pure: no socket, no peer, no handler. Immutable after construction; any thread.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/http/message.h"
#include "common/rpc/dispatcher.h"

namespace aziot::rpc {

struct RestCall {
  const google::protobuf::MethodDescriptor* method = nullptr;
  std::unique_ptr<google::protobuf::Message> request;
  std::string api_version;
  int success = 200;
};

class RestApi {
 public:
  // The routes of every service that `dispatcher` has handlers for. A rule that does not fit its message ends
  // the process.
  explicit RestApi(const Dispatcher& dispatcher);
  ~RestApi();

  // Steps 1 to 10 of keys-service.md §2.2 and identity-service.md §1.2: api-version, route, verb, body.
  // Refusals are statuses of errors.h with the texts fixed there.
  absl::StatusOr<RestCall> Parse(const http::Request& request) const;

  // Compact JSON, or nothing for 204.
  static http::Response FormatReply(const RestCall& call, const google::protobuf::Message& reply);
  // {"message": …} with the wire status of wire_status.h.
  static http::Response FormatError(const absl::Status& status);

 private:
  struct Route;
  struct Table;
  std::unique_ptr<const Table> table_;
};

}  // namespace aziot::rpc
