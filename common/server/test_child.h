// For the tests of this room: the test daemon as a child process.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "common/net/unique_fd.h"
#include "common/testing/temp_dir.h"

namespace aziot::server {

class ChildServer {
 public:
  // `words` are those of test_daemon.cc after OUT. `before` runs in the child before it becomes the daemon:
  // system calls and setenv only.
  explicit ChildServer(const std::vector<std::string>& words = {},
                       const std::function<void()>& before = nullptr);
  // Kills it when it still runs.
  ~ChildServer();

  std::string socket() const { return directory_.Join("keyd.sock"); }
  pid_t pid() const { return child_; }
  void Signal(int signal) const;
  // Waits for a byte of the daemon; false when none comes for 30 s.
  bool AwaitByte() const;
  int OpenFiles() const;
  // Of /proc/PID/status, in KiB: "VmHWM".
  int64_t Status(const std::string& field) const;
  // The exit code; 128 + signal when it was killed, also when it had to be after 60 s.
  int Wait();
  // Waits until it listens, and asks it once; "" when it does not answer.
  std::string Ask() const;

 private:
  testing::TempDir directory_;
  net::UniqueFd out_;
  pid_t child_ = -1;
};

}  // namespace aziot::server
