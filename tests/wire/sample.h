// A sample of the wire, read from a file: calls and the answers that must come. README.md describes the
// format.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace aziot::tests {

struct RestAnswer {
  int status = 0;
  std::string body;
};

struct GrpcAnswer {
  std::string code;   // as gRPC names it: OK, INVALID_ARGUMENT, …
  std::string reply;  // as JSON, an error as {"message": …}; empty: what the REST answer says
};

struct Step {
  int line = 0;
  std::string user;
  std::string daemon;
  // An HTTP method and its target; or, for gRPC alone, CALL or WATCH and `<service>/<rpc>`.
  std::string verb;
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::optional<RestAnswer> rest;
  std::map<std::string, RestAnswer, std::less<>> rest_in;  // where an api-version answers otherwise
  std::optional<GrpcAnswer> grpc;                          // none: there is no such call in gRPC

  bool is_rest() const { return verb != "CALL" && verb != "WATCH"; }
};

struct Sample {
  std::string title;
  std::string world = "dps";
  std::vector<Step> steps;
  bool every_version = false;  // {{version}} stands in it
};

// kInvalidArgument names the line.
absl::StatusOr<Sample> ParseSample(absl::string_view text);

}  // namespace aziot::tests
