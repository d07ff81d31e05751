// A daemon as small as it can be, for tests of what belongs to a process: signals, the environment,
// descriptors.
//
//   common_server_test_daemon SOCKET OUT [drain=MS] [module=PATH] [requests=COUNT] [watch=PATH]...
//
// From SIGUSR1 to SIGUSR2 every 61st request for memory is refused. A key named `far` is answered on a
// lane. Each reload writes one byte to descriptor OUT. A key named `stuck` writes one too and is never
// answered.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "common/server/server.h"
#include "common/server/test_scarce_memory.h"
#include "common/server/test_services.h"

int main(int argc, char** argv) {
  using namespace aziot;
  int out = -1;
  if (argc < 3 || !absl::SimpleAtoi(argv[2], &out)) return 2;
  server::Options options;
  options.name = "keyd";
  options.socket = argv[1];
  for (int i = 3; i < argc; ++i) {
    absl::string_view word = argv[i];
    int64_t milliseconds = 0;
    if (absl::ConsumePrefix(&word, "drain=") && absl::SimpleAtoi(word, &milliseconds)) {
      options.drain = absl::Milliseconds(milliseconds);
    } else if (uint32_t requests = 0;
               absl::ConsumePrefix(&word, "requests=") && absl::SimpleAtoi(word, &requests)) {
      options.max_requests = requests;
    } else if (absl::ConsumePrefix(&word, "module=")) {
      options.grpc_module = std::string(word);
    } else if (absl::ConsumePrefix(&word, "watch=")) {
      options.watched.emplace_back(word);
    } else {
      return 2;
    }
  }
  const auto tell = [out] {
    if (write(out, "r", 1) != 1) std::abort();
  };
  options.reload = [tell] {
    tell();
    return absl::OkStatus();
  };
  rpc::Dispatcher dispatcher;
  server::TestKeys keys(dispatcher);
  keys.get_key = [tell, answer = keys.get_key](const rpc::CallContext& call,
                                               const std::string& id) -> absl::StatusOr<keys::v1::KeyHandle> {
    if (id != "stuck" && id != "far") return answer(call, id);
    if (absl::Status moved = call.MoveTo(Lane::Peers()); !moved.ok()) return moved;
    if (id == "far") return answer(call, id);
    tell();
    while (true) pause();
  };
  std::signal(SIGUSR1, [](int) { server::memory_is_scarce = true; });
  std::signal(SIGUSR2, [](int) { server::memory_is_scarce = false; });
  auto server = server::Server::New(std::move(options), dispatcher);
  return server::ExitCode(server.ok() ? (*server)->Run() : server.status());
}
