// One user's gRPC connection to a daemon, kept by a process of its own (grpc_caller.cc).
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <string>
#include <vector>

namespace aziot::tests {

struct GrpcReply {
  std::string code;  // OK, INVALID_ARGUMENT, …; NO ANSWER when the process has ended
  std::string message;
  std::string payload;
};

class GrpcPeer {
 public:
  // `groups` are the user's besides its own.
  GrpcPeer(const std::string& socket, uid_t uid, const std::vector<gid_t>& groups);
  GrpcPeer(const GrpcPeer&) = delete;
  GrpcPeer& operator=(const GrpcPeer&) = delete;
  ~GrpcPeer();

  // `path` as HTTP/2 carries it; `request` is the serialised message.
  GrpcReply Call(const std::string& path, const std::string& request) { return Ask("unary", path, request); }
  // The first reply of a streaming rpc.
  GrpcReply First(const std::string& path, const std::string& request) { return Ask("first", path, request); }

 private:
  GrpcReply Ask(const char* kind, const std::string& path, const std::string& request);

  pid_t pid_ = 0;
  std::FILE* to_ = nullptr;
  std::FILE* from_ = nullptr;
};

}  // namespace aziot::tests
