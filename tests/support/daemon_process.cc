#include "tests/support/daemon_process.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>
#include <vector>

#include "common/files/files.h"
#include "tests/support/run_command.h"

namespace aziot::tests {
namespace {

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// As execve takes them; they point into `texts`.
std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

DaemonProcess::~DaemonProcess() {
  if (pid_ > 0) Stop(SIGKILL);
}

void DaemonProcess::Start(const std::map<std::string, std::string>& environment) {
  const std::string path = absl::StrCat(BuildDir(), "/", program_);
  const std::string log = LogPath();
  const passwd* user = getpwnam(user_.c_str());
  if (user == nullptr) std::abort();
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment) variables.push_back(absl::StrCat(name, "=", value));
  std::vector<std::string> arguments = {path, "--root", root_.path()};
  if (!option_.empty()) arguments.push_back(option_);
  std::vector<char*> environment_pointers = Pointers(variables);
  std::vector<char*> argument_pointers = Pointers(arguments);
  pid_ = fork();
  if (pid_ != 0) return;
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  dup2(out, STDERR_FILENO);
  if (initgroups(user_.c_str(), user->pw_gid) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)
    _exit(126);
  execve(path.c_str(), argument_pointers.data(), environment_pointers.data());
  _exit(127);
}

int DaemonProcess::Stop(int signal) {
  kill(pid_, signal);
  int status = 0;
  waitpid(std::exchange(pid_, 0), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool DaemonProcess::Runs() {
  if (pid_ <= 0) return false;
  if (waitpid(pid_, nullptr, WNOHANG) == 0) return true;
  pid_ = 0;
  return false;
}

std::string DaemonProcess::LogPath() const {
  return root_.Join(absl::StrCat("var/log/", BaseName(program_), option_, ".log"));
}

std::string DaemonProcess::Log() const { return files::Read(LogPath()).value_or(""); }

}  // namespace aziot::tests
