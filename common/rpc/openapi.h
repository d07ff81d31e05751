// Our rpcs as an OpenAPI 3.0 document, made from the same rules and types as the routes: what a daemon shows
// at `GET /openapi.json`.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "common/rpc/dispatcher.h"

namespace aziot::rpc {

// Compact JSON. Every rpc with a REST rule that `dispatcher` has a handler for is an operation of that name;
// the schemas bear the messages' full names.
std::string OpenApiOf(const Dispatcher& dispatcher, absl::string_view title, absl::string_view version);

}  // namespace aziot::rpc
