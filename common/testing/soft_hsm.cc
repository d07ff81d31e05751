#include "common/testing/soft_hsm.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace aziot::testing {
namespace {

[[noreturn]] void Die(absl::string_view what) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

std::string Output(int fd) {
  std::string text;
  char part[4096];
  for (ssize_t count; (count = read(fd, part, sizeof part)) > 0;)
    text.append(part, static_cast<size_t>(count));
  return text;
}

}  // namespace

void RunTool(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) Die("pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDERR_FILENO);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(pipe_ends[1]);
  if (error != 0) Die(absl::StrCat("cannot run ", arguments[0], ": install it with packaging/deps"));
  const std::string output = Output(pipe_ends[0]);
  close(pipe_ends[0]);
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || status != 0) {
    Die(absl::StrCat(absl::StrJoin(arguments, " "), " failed:\n", output));
  }
}

SoftHsm::SoftHsm(absl::string_view label) {
  std::filesystem::create_directory(directory_.Join("tokens"));
  std::ofstream(directory_.Join("softhsm2.conf"))
      << "directories.tokendir = " << directory_.Join("tokens") << "\nobjectstore.backend = file\n"
      << "log.level = ERROR\nslots.removable = false\n";
  setenv("SOFTHSM2_CONF", directory_.Join("softhsm2.conf").c_str(), 1);
  AddToken(label);
}

SoftHsm::~SoftHsm() { unsetenv("SOFTHSM2_CONF"); }

std::string SoftHsm::ModulePath() {
  for (const char* path : {"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so",
                           "/usr/lib64/pkcs11/libsofthsm2.so"}) {
    if (access(path, R_OK) == 0) return path;
  }
  Die("no libsofthsm2.so: install softhsm2 with packaging/deps");
}

void SoftHsm::AddToken(absl::string_view label, absl::string_view pin) {
  RunTool({"softhsm2-util", "--init-token", "--free", "--label", std::string(label), "--pin",
           std::string(pin), "--so-pin", std::string(kSoPin)});
}

void SoftHsm::PullTokens() {
  std::filesystem::rename(directory_.Join("tokens"), directory_.Join("pulled"));
  std::filesystem::create_directory(directory_.Join("tokens"));
}

void SoftHsm::PutBackTokens() {
  std::filesystem::remove(directory_.Join("tokens"));
  std::filesystem::rename(directory_.Join("pulled"), directory_.Join("tokens"));
}

std::string SoftHsm::Environment() const {
  return absl::StrCat("SOFTHSM2_CONF=", directory_.Join("softhsm2.conf"));
}

}  // namespace aziot::testing
