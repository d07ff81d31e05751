#include "common/testing/swtpm.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

namespace aziot::testing {
namespace {

bool Listens(const std::string& path) {
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{.sun_family = AF_UNIX};
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const bool connected = connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(descriptor);
  return connected;
}

[[noreturn]] void GiveUp(const char* why) {
  std::fprintf(stderr, "swtpm: %s\n", why);
  std::abort();
}

}  // namespace

Swtpm::Swtpm() {
  std::filesystem::create_directory(state_);
  Start();
}

Swtpm::~Swtpm() { Kill(); }

void Swtpm::Kill() {
  if (pid_ == 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
  unlink(socket_.c_str());
  // The name the swtpm TCTI derives for the control channel.
  unlink((socket_ + ".ctrl").c_str());
}

void Swtpm::Start() {
  const std::string state = "dir=" + state_;
  const std::string server = "type=unixio,path=" + socket_;
  const std::string control = server + ".ctrl";
  const std::string log = directory_.Join("log");
  const char* const arguments[] = {"swtpm",
                                   "socket",
                                   "--tpm2",
                                   "--tpmstate",
                                   state.c_str(),
                                   "--server",
                                   server.c_str(),
                                   "--ctrl",
                                   control.c_str(),
                                   "--flags",
                                   "not-need-init,startup-clear",
                                   nullptr};
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) GiveUp("fork failed");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    if (const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600); out >= 0) {
      dup2(out, STDOUT_FILENO);
      dup2(out, STDERR_FILENO);
    }
    execvp(arguments[0], const_cast<char* const*>(arguments));
    _exit(127);
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!Listens(socket_ + ".ctrl") || !Listens(socket_)) {
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = 0;
      GiveUp("did not start; packaging/deps lists what tests need");
    }
    if (std::chrono::steady_clock::now() > deadline) GiveUp("does not listen");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

void Swtpm::Restart() {
  Kill();
  Start();
}

void Swtpm::Wipe() {
  Kill();
  std::filesystem::remove_all(state_);
  std::filesystem::create_directory(state_);
  Start();
}

}  // namespace aziot::testing
