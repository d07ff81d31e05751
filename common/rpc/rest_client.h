// The other side of rest.h: an rpc as the HTTP request that calls it, and its answer as a message.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/http/message.h"
#include "common/rpc/rest_rule.h"

namespace aziot::rpc {

// Path fields percent-encoded, set query fields, `api-version`; the remaining fields are the JSON body where
// the rule has one.
http::Request NewRestRequest(const RestRule& rule, const google::protobuf::Message& message,
                             absl::string_view api_version);

// Reads the body of a successful answer; 204 leaves `reply` empty. kInternal when it does not fit: a member
// without `optional` that is missing, a wrong type, no JSON. Unknown members are ignored.
absl::Status ReadRestReply(const RestRule& rule, const http::Response& response,
                           google::protobuf::Message& reply);

// The text of an error answer: its {"message": …}, or its status where there is none.
std::string RestErrorText(const http::Response& response);

}  // namespace aziot::rpc
