#include "keyd/backend/pkcs11/testing/token_server.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "common/testing/soft_hsm.h"

namespace aziot::keyd::pkcs11::testing {
namespace {

constexpr int kTries = 1000;

[[noreturn]] void GiveUp(const char* why) {
  std::fprintf(stderr, "p11-kit server: %s\n", why);
  std::abort();
}

}  // namespace

TokenServer::TokenServer() {
  setenv("P11_KIT_SERVER_ADDRESS", ("unix:path=" + socket_).c_str(), 1);
  Start();
}

TokenServer::~TokenServer() {
  Kill();
  unsetenv("P11_KIT_SERVER_ADDRESS");
}

std::string TokenServer::ClientModulePath() {
  for (const char* path :
       {"/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so",
        "/usr/lib/aarch64-linux-gnu/pkcs11/p11-kit-client.so", "/usr/lib64/pkcs11/p11-kit-client.so"}) {
    if (std::filesystem::exists(path)) return path;
  }
  GiveUp("no p11-kit-client.so: install p11-kit-modules with packaging/deps");
}

void TokenServer::Start() {
  const std::string module = aziot::testing::SoftHsm::ModulePath();
  const char* const arguments[] = {"p11-kit",    "server",       "--foreground", "--name", socket_.c_str(),
                                   "--provider", module.c_str(), "pkcs11:",      nullptr};
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) GiveUp("fork failed");
  if (pid_ == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    if (const int out = open("/dev/null", O_RDWR); out >= 0) {
      dup2(out, STDOUT_FILENO);
      dup2(out, STDERR_FILENO);
    }
    execvp(arguments[0], const_cast<char* const*>(arguments));
    _exit(127);
  }
  for (int i = 0; i < kTries && !std::filesystem::exists(socket_); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  if (!std::filesystem::exists(socket_)) GiveUp("does not listen");
}

void TokenServer::Kill() {
  if (pid_ == 0) return;
  kill(-pid_, SIGKILL);
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
  unlink(socket_.c_str());
}

}  // namespace aziot::keyd::pkcs11::testing
