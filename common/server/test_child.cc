#include "common/server/test_child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/server/test_grpc_client.h"
#include "common/server/test_server.h"

namespace aziot::server {

ChildServer::ChildServer(const std::vector<std::string>& words, const std::function<void()>& before) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  out_ = net::UniqueFd(ends[0]);
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  const net::UniqueFd in(fcntl(ends[1], F_DUPFD, 10));  // out of the way of passed sockets
  close(ends[1]);
  std::vector<std::string> all = {BuildDirectory() + "/test/common_server_test_daemon", socket(),
                                  absl::StrCat(in.get())};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> argv;
  for (std::string& word : all) argv.push_back(word.data());
  argv.push_back(nullptr);
  child_ = fork();
  if (child_ != 0) return;
  if (before != nullptr) before();
  execv(argv[0], argv.data());
  _exit(127);
}

ChildServer::~ChildServer() {
  if (child_ <= 0) return;
  kill(child_, SIGKILL);
  waitpid(child_, nullptr, 0);
}

void ChildServer::Signal(int signal) const { kill(child_, signal); }

bool ChildServer::AwaitByte() const {
  pollfd polled{.fd = out_.get(), .events = POLLIN};
  char byte;
  return poll(&polled, 1, 30'000) == 1 && read(out_.get(), &byte, 1) == 1;
}

int ChildServer::OpenFiles() const {
  const std::filesystem::directory_iterator files(absl::StrCat("/proc/", child_, "/fd"));
  return static_cast<int>(std::distance(begin(files), end(files)));
}

int64_t ChildServer::Status(const std::string& field) const {
  std::ifstream status(absl::StrCat("/proc/", child_, "/status"));
  std::string word;
  int64_t value = -1;
  while (status >> word) {
    if (word == field + ":") status >> value;
  }
  return value;
}

int ChildServer::Wait() {
  const pid_t child = std::exchange(child_, -1);
  int status = 0;
  for (int i = 0; i < 6000; ++i) {
    if (waitpid(child, &status, WNOHANG) == child)
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    usleep(10'000);
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return 128 + SIGKILL;
}

std::string ChildServer::Ask() const {
  for (int i = 0; i < 300; ++i) {
    RawClient client(socket());
    if (client.Send(GetKeyRequestText("a"))) return client.ReadAnswer();
    usleep(100'000);
  }
  return "";
}

}  // namespace aziot::server
