// The REST rule of an rpc (rest.proto), taken apart and joined to the fields of its request: the server's
// routes and the client's requests are made from it.
#pragma once

#include <google/protobuf/descriptor.h>

#include <optional>
#include <string>
#include <vector>

#include "aziot/api/v1/rest.pb.h"
#include "common/rpc/transcode.h"

namespace aziot::rpc {

struct PathSegment {
  std::string literal;                                       // when there is no field
  const google::protobuf::FieldDescriptor* field = nullptr;  // `{field}`
  friend bool operator==(const PathSegment& a, const PathSegment& b) {
    return a.literal == b.literal && (a.field == nullptr) == (b.field == nullptr);
  }
};

struct RestRule {
  const google::protobuf::MethodDescriptor* method = nullptr;
  std::string verb;
  std::vector<PathSegment> path;
  Fields query;
  Fields given;  // of path and query: no part of the body
  api::v1::Body body = api::v1::BODY_NONE;
  std::vector<std::string> versions;  // api-versions that know the route, oldest first
  int success = 200;
};

// nullopt for rpcs without a rule. A rule that does not fit its message ends the process: our own mistake.
std::optional<RestRule> RestRuleOf(const google::protobuf::MethodDescriptor* method);

}  // namespace aziot::rpc
