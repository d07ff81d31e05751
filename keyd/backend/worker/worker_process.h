// A worker as a process: started with its control socket and the login record, killed, and reaped.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/files/descriptor.h"
#include "keyd/backend/worker/login_record.h"

namespace aziot::keyd::worker {

// Where the worker's program finds what it is started with.
constexpr int kControlFd = 3;
constexpr int kLoginRecordFd = 4;

// What is started.
struct Program {
  std::string title;  // argv[0]
  // This program: the running one, also when its file has been replaced meanwhile.
  std::string executable = "/proc/self/exe";
  std::string argument = "--key-worker";
};

class WorkerProcess {
 public:
  // Nothing but standard streams, the control socket and `record` is passed on.
  static absl::StatusOr<WorkerProcess> Start(const Program& program, const LoginRecord& record);

  WorkerProcess(WorkerProcess&&) = default;
  WorkerProcess& operator=(WorkerProcess&&) = default;

  // keyd's end; the worker ends when it is closed.
  files::Descriptor TakeControl() { return std::move(control_); }
  // Waits until it has ended or closed its end of the control socket.
  void AwaitEnd(int control) const;
  void Kill() const;
  // The status of waitpid, once it has ended; its number is free then.
  std::optional<int> Reap();

 private:
  WorkerProcess(pid_t pid, files::Descriptor control);

  pid_t pid_;
  files::Descriptor control_;
  files::Descriptor ended_;  // pidfd_open(2); nothing on kernels without it
};

// `died (signal 11, SIGSEGV)`, `ended (exit status 3)`.
std::string DescribeEnd(int wait_status);

}  // namespace aziot::keyd::worker
