#include "aziotctl/commands/daemon_sockets.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/http/client.h"
#include "common/net/unique_fd.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

extern char** environ;

namespace aziot::ctl {
namespace {

absl::StatusOr<pid_t> Spawn(const std::vector<std::string>& words, int output) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (output >= 0) {
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
  }
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    return absl::UnavailableError(ErrnoStatus(error, absl::StrCat("running ", words[0])).message());
  return pid;
}

int WaitFor(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

absl::Status Operate(absl::string_view verb, const std::string& doing, const std::string& done,
                     const std::vector<std::string>& units) {
  absl::Status result;
  for (const std::string& unit : units) {
    std::printf("%s %s...", doing.c_str(), unit.c_str());
    std::fflush(stdout);
    const auto status = RunProgram({"systemctl", std::string(verb), unit});
    if (status.ok() && *status == 0) {
      std::printf("%s!\n", done.c_str());
    } else {
      std::printf("failed\n");
      result = status.ok() ? absl::InternalError(absl::StrCat("systemctl ", verb, " ", unit, " failed"))
                           : status.status();
    }
  }
  return result;
}

std::vector<std::string> Units(absl::string_view suffix) {
  std::vector<std::string> units;
  for (const std::string& daemon : InstalledDaemons())
    units.push_back(absl::StrCat("aziot-", daemon, suffix));
  return units;
}

}  // namespace

const std::vector<std::string>& Daemons() {
  static const std::vector<std::string> daemons = {"identityd", "keyd", "certd", "tpmd"};
  return daemons;
}

std::vector<std::string> InstalledDaemons() {
  std::vector<std::string> daemons = Daemons();
  const auto state = OutputOf({"systemctl", "show", "-p", "LoadState", "--value", "aziot-tpmd.service"});
  if (state.ok() && absl::StripAsciiWhitespace(*state) == "not-found") std::erase(daemons, "tpmd");
  return daemons;
}

bool ServiceManagerRuns(const Invocation& invocation) {
  return invocation.root.empty() && files::Exists("/run/systemd/system");
}

std::string SocketOf(const Invocation& invocation, absl::string_view daemon) {
  return invocation.Rooted(absl::StrCat("/run/aziot/", daemon, ".sock"));
}

absl::StatusOr<http::Response> Get(const Invocation& invocation, absl::string_view daemon,
                                   absl::string_view path, absl::Duration timeout) {
  http::UnixClient client(SocketOf(invocation, daemon));
  return client.Send({.method = "GET", .target = std::string(path)}, timeout);
}

absl::StatusOr<int> RunProgram(const std::vector<std::string>& words) {
  ASSIGN_OR_RETURN(const pid_t pid, Spawn(words, -1));
  return WaitFor(pid);
}

absl::StatusOr<std::string> OutputOf(const std::vector<std::string>& words) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  net::UniqueFd reading(ends[0]);
  net::UniqueFd writing(ends[1]);
  ASSIGN_OR_RETURN(const pid_t pid, Spawn(words, writing.get()));
  writing.reset();
  std::string output;
  char buffer[4096];
  ssize_t count;
  while ((count = read(reading.get(), buffer, sizeof buffer)) > 0 || (count < 0 && errno == EINTR)) {
    if (count > 0) output.append(buffer, static_cast<size_t>(count));
  }
  WaitFor(pid);
  return output;
}

absl::Status StopServices() { return Operate("stop", "Stopping", "Stopped", Units(".service")); }

absl::Status RestartServices() {
  const absl::Status stopped = StopServices();
  const absl::Status sockets = Operate("start", "Starting", "Started", Units(".socket"));
  const absl::Status primary = Operate("start", "Starting", "Started", {"aziot-identityd.service"});
  if (!stopped.ok()) return stopped;
  return sockets.ok() ? primary : sockets;
}

}  // namespace aziot::ctl
