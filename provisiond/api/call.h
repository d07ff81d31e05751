// One HTTPS request as the API families see it: path taken apart, host, ids decoded, who calls from where.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/http/message.h"
#include "common/http/target.h"

namespace aziot::provisiond::api {

struct Call {
  std::string method;
  std::vector<std::string> path;  // decoded segments; never empty
  absl::Status path_status;
  http::Target target;
  http::Headers headers;
  std::string body;
  std::string host;         // lower case, without port
  std::string server_name;  // the TLS handshake's, lower case; "" when the client gave none
  std::string peer;         // address
  std::string request_id;

  // The api-version parameter, or "".
  std::string ApiVersion() const;
  // If-Match: `*`, `"*"`, a quoted or a bare tag.
  std::optional<std::string> IfMatch() const;
  // Segment `i` in lower case, or "".
  std::string Word(size_t i) const;
};

std::string NewRequestId();

// A path with empty segments, dot segments, NUL or broken UTF-8 ends before the first of these: `path_status`
// is kInvalid then, and what is left of the path tells no more than the family. One trailing '/' is taken
// off.
Call ParseCall(const http::Request& request, absl::string_view peer_address, absl::string_view server_name);

}  // namespace aziot::provisiond::api
