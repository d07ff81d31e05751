// One real daemon, started as its own user in a private root; ended with the object.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>

#include "tests/support/temp_root.h"

namespace aziot::tests {

class DaemonProcess {
 public:
  // `program` is relative to the build directory; `option` a further argument, or "".
  DaemonProcess(const TempRoot& root, std::string program, std::string user, std::string option = "")
      : root_(root), program_(std::move(program)), user_(std::move(user)), option_(std::move(option)) {}
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;
  ~DaemonProcess();

  void Start(const std::map<std::string, std::string>& environment = {});
  // SIGTERM, or `signal`; waits for the end. The exit status, or -1 when a signal ended it.
  int Stop(int signal);
  bool Runs();
  pid_t pid() const { return pid_; }
  // What it has written to stderr.
  std::string Log() const;

 private:
  std::string LogPath() const;

  const TempRoot& root_;
  const std::string program_;
  const std::string user_;
  const std::string option_;
  pid_t pid_ = 0;
};

}  // namespace aziot::tests
