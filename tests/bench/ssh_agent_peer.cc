#include "tests/bench/ssh_agent_peer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/bench/process_figures.h"
#include "tests/bench/raw_client.h"
#include "tests/support/run_command.h"

namespace aziot::bench {
namespace {

constexpr char kRequestIdentities = 11, kIdentitiesAnswer = 12, kSignRequest = 13, kSignResponse = 14;
constexpr uint32_t kRsaSha256 = 2;  // ignored for other keys

std::string Number(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}
uint32_t NumberAt(absl::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = at; i < at + 4 && i < bytes.size(); ++i)
    value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}
std::string Text(absl::string_view text) {
  return absl::StrCat(Number(static_cast<uint32_t>(text.size())), text);
}

// One message there and one back; "" when the agent is gone.
std::string Exchange(int fd, const std::string& message) {
  const std::string wire = Text(message);
  if (send(fd, wire.data(), wire.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(wire.size())) return "";
  std::string answer;
  while (answer.size() < 4 || answer.size() < 4 + NumberAt(answer, 0)) {
    char buffer[4096];
    const ssize_t count = recv(fd, buffer, sizeof buffer, 0);
    if (count <= 0) return "";
    answer.append(buffer, static_cast<size_t>(count));
  }
  return answer.substr(4);
}

// The first key it holds.
std::string KeyBlob(int fd) {
  const std::string answer = Exchange(fd, std::string(1, kRequestIdentities));
  if (answer.size() < 9 || answer[0] != kIdentitiesAnswer || NumberAt(answer, 1) == 0) return "";
  return answer.substr(9, NumberAt(answer, 5));
}

}  // namespace

SshAgentPeer::SshAgentPeer(const std::string& directory, const std::string& key_options)
    : socket_(directory + "/agent.sock") {
  const std::string key = directory + "/agent-key";
  const tests::Output made = tests::RunCommand(absl::StrCat(
      "rm -f ", key, " ", key, ".pub ", socket_, "; ssh-keygen -q -N '' ", key_options, " -f ", key));
  if (made.status != 0) GiveUp("ssh-keygen (package openssh-client) made no key", made.text);
  pid_ = fork();
  if (pid_ == 0) {
    dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
    execlp("ssh-agent", "ssh-agent", "-D", "-a", socket_.c_str(), nullptr);
    _exit(127);
  }
  const tests::Output added =
      tests::RunCommand(absl::StrCat("for i in $(seq 200); do SSH_AUTH_SOCK=", socket_, " ssh-add -q ", key,
                                     " 2>/dev/null && exit 0; sleep 0.02; done; exit 1"));
  if (added.status != 0) GiveUp("ssh-agent takes no key", added.text);
}

SshAgentPeer::~SshAgentPeer() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

Worker SshAgentPeer::Sign() const {
  return [socket = socket_](int) -> Operation {
    auto fd = std::make_shared<net::UniqueFd>(Connect(socket));
    const std::string request = absl::StrCat(std::string(1, kSignRequest), Text(KeyBlob(fd->get())),
                                             Text(std::string(32, '\7')), Number(kRsaSha256));
    return [fd, request] {
      const std::string answer = Exchange(fd->get(), request);
      return !answer.empty() && answer[0] == kSignResponse;
    };
  };
}

}  // namespace aziot::bench
