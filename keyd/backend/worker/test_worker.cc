// The program that the tests of this room start: as a worker, as one that answers nonsense, and as the parent
// of a worker, which can be killed.
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "keyd/backend/worker/channel.h"
#include "keyd/backend/worker/passed_socket.h"
#include "keyd/backend/worker/remote_backend.h"
#include "keyd/backend/worker/serve_worker.h"
#include "keyd/backend/worker/test_misbehaving.h"
#include "keyd/backend/worker/worker_process.h"

namespace aziot::keyd::worker {
namespace {

absl::StatusOr<std::unique_ptr<KeyBackend>> Make(const v1::Setup& setup, LoginRecord& record) {
  if (setup.library().path() == "refuses") return absl::FailedPreconditionError("no library at /there");
  if (setup.library().path() == "exits") _exit(3);
  return std::make_unique<Misbehaving>(setup.library().path(), record);
}

// Sets itself up as a worker should, and answers every call with `answer`.
[[noreturn]] void AnswerWith(absl::string_view answer) {
  Channel control{files::Descriptor(kControlFd)};
  v1::Setup setup;
  control.Receive(setup);
  control.Send(v1::SetupDone());
  ControlMessage message = ReceiveControl(kControlFd);
  const int socket = message.socket.get();
  Channel calls(std::move(message.socket));
  v1::Request request;
  if (calls.Receive(request) == Transfer::kDone) send(socket, answer.data(), answer.size(), MSG_NOSIGNAL);
  if (answer.size() < 8) _exit(0);
  ReceiveControl(kControlFd);
  _exit(0);
}

// Prints the worker's process id and waits to be killed.
int BeParent(const std::string& executable, const std::string& directory) {
  RemoteOptions options;
  options.executable = executable;
  options.setup.set_name("test");
  options.setup.mutable_library()->set_path(directory);
  const auto backend = RemoteBackend::Start(std::move(options));
  if (!backend.ok()) return 1;
  const auto pid = (*backend)->Derive(*KeyId::Parse("pid"), {});
  std::printf("%s\n", std::string(pid->ExposeText()).c_str());
  std::fflush(stdout);
  (*backend)->LoadKey(*KeyId::Parse("hang")).IgnoreError();
  return 1;
}

}  // namespace
}  // namespace aziot::keyd::worker

int main(int argc, char** argv) {
  using namespace aziot::keyd::worker;  // NOLINT: the whole program is of this room
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "--key-worker") ServeWorker(Make);
  if (mode == "--garbage") AnswerWith(absl::string_view("\x05\0\0\0\xff\xff\xff\xff\xff", 9));
  if (mode == "--two-answers") AnswerWith(absl::string_view("\0\0\0\0\0\0\0\0", 8));
  if (mode == "--too-long") AnswerWith(absl::string_view("\xff\xff\xff\xff\0\0\0\0", 8));
  if (mode == "--half") AnswerWith(absl::string_view("\x64\0\0\0\x08", 5));
  if (mode == "--no-code") AnswerWith(absl::string_view("\x05\0\0\0\x08\xe7\x07\x20\0", 9));
  if (mode == "--parent" && argc > 2) return BeParent(argv[0], argv[2]);
  return 2;
}
