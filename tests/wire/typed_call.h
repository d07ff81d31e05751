// A REST request of a sample as the call it is in gRPC: the same typed message.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace aziot::tests {

struct TypedCall {
  const google::protobuf::MethodDescriptor* method = nullptr;
  std::unique_ptr<google::protobuf::Message> request;

  // "/aziot.keys.v1.Keys/Sign"
  std::string path() const;
  // The reply as REST writes it: JSON in field order.
  absl::StatusOr<std::string> ReplyJson(const std::string& payload) const;
};

// The services of the daemons that samples talk to, by the name of their folder: keys, certificates,
// identity.
const google::protobuf::ServiceDescriptor* ServiceOf(absl::string_view folder);

// kNotFound: no rpc has that verb and path. kInvalidArgument: the body is not its request.
absl::StatusOr<TypedCall> FromRest(absl::string_view verb, absl::string_view target, absl::string_view body);
// `name` is "aziot.keys.v1.Keys/Sign"; members of `json` may be missing.
absl::StatusOr<TypedCall> FromName(absl::string_view name, const std::string& json);

}  // namespace aziot::tests
