// For the tests of this room: the gRPC test client as a process, and the module it is served by.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/server/test_server.h"

namespace aziot::server {

inline std::string BuildDirectory() {
  const char* directory = std::getenv("AZIOT_BUILD_DIR");
  return directory != nullptr ? directory : ".";
}

inline std::string GrpcModule() { return BuildDirectory() + "/lib/aziot-identity-service/aziot_grpc.so"; }

inline Options WithModule() {
  Options options;
  options.grpc_module = GrpcModule();
  return options;
}

// A client process; its lines as they come.
class GrpcClient {
 public:
  // Ends after `seconds` whatever happens: a test must not wait for it for good.
  GrpcClient(const std::string& socket, absl::string_view words, absl::string_view seconds = "60")
      : out_(popen(absl::StrCat("exec timeout -s KILL ", seconds, " ", BuildDirectory(),
                                "/test/grpc_front_test_client ", socket, " ", words)
                       .c_str(),
                   "re")) {}
  GrpcClient(const TestServer& server, absl::string_view words, absl::string_view seconds = "60")
      : GrpcClient(server.socket(), words, seconds) {}
  ~GrpcClient() { pclose(out_); }
  GrpcClient(const GrpcClient&) = delete;
  GrpcClient& operator=(const GrpcClient&) = delete;

  std::string Line() {
    char text[1024] = "";
    if (std::fgets(text, sizeof text, out_) == nullptr) return "<end>";
    std::string line = text;
    if (!line.empty() && line.back() == '\n') line.pop_back();
    return line;
  }

 private:
  FILE* out_;
};

}  // namespace aziot::server
