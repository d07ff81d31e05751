#include "tests/wire/grpc_peer.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "tests/support/run_command.h"

namespace aziot::tests {
namespace {

constexpr std::array<const char*, 17> kCodes = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

}  // namespace

GrpcPeer::GrpcPeer(const std::string& socket, uid_t uid, const std::vector<gid_t>& groups) {
  int in[2];
  int out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) std::abort();
  const std::string program = absl::StrCat(BuildDir(), "/test/wire_grpc_caller");
  const std::string user = absl::StrCat(uid);
  pid_ = fork();
  if (pid_ == 0) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    if (setgroups(groups.size(), groups.data()) != 0) _exit(126);
    execl(program.c_str(), program.c_str(), socket.c_str(), user.c_str(), nullptr);
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  to_ = fdopen(in[1], "w");
  from_ = fdopen(out[0], "r");
}

GrpcPeer::~GrpcPeer() {
  std::fclose(to_);
  std::fclose(from_);
  waitpid(pid_, nullptr, 0);
}

GrpcReply GrpcPeer::Ask(const char* kind, const std::string& path, const std::string& request) {
  // A caller that has died is an answer that fails the test, not the end of it.
  const auto before = signal(SIGPIPE, SIG_IGN);
  std::fprintf(to_, "%s %s %zu\n", kind, path.c_str(), request.size());
  std::fwrite(request.data(), 1, request.size(), to_);
  std::fflush(to_);
  signal(SIGPIPE, before);
  size_t code = 0;
  size_t message = 0;
  size_t payload = 0;
  GrpcReply reply{.code = "NO ANSWER", .message = "", .payload = ""};
  if (std::fscanf(from_, "%zu %zu %zu", &code, &message, &payload) != 3) return reply;
  std::fgetc(from_);
  reply.message.resize(message);
  reply.payload.resize(payload);
  if (std::fread(reply.message.data(), 1, message, from_) != message) return reply;
  if (std::fread(reply.payload.data(), 1, payload, from_) != payload) return reply;
  reply.code = code < kCodes.size() ? kCodes[code] : "UNKNOWN";
  return reply;
}

}  // namespace aziot::tests
