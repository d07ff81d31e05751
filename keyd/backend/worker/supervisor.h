// Keeps one worker running: starts it, sees it end, starts it again, and hands out connections to it. A
// worker that ends is started again at once; one that keeps ending within a second, only when a call comes
// and some time has passed, so that a module which crashes at every call costs nothing in between.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/bytes/secret.h"
#include "keyd/backend/worker/channel.h"
#include "keyd/backend/worker/login_record.h"
#include "keyd/backend/worker/worker_process.h"

namespace aziot::keyd::worker {

// A connection that one call uses.
struct Lease {
  Channel channel;
  uint64_t worker = 0;  // the how manieth it leads to
};

class Supervisor {
 public:
  struct Options {
    std::string name;  // for log lines and answers: `token "device"`
    Program program;
    Secret setup;     // a Setup as it is sent
    size_t kept = 4;  // connections that wait for the next call
  };

  // Starts the first worker; does not wait for it.
  Supervisor(Options options, LoginRecord record);
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  // Lets the worker finish; kills it when that takes long.
  ~Supervisor();

  // Waits for the first worker. What its backend was refused with; OK when it runs, and when it died, which
  // the next one may not.
  absl::Status AwaitFirst();

  // Waits for a worker that is being started; kUnavailable with what ended the last one when that fails, and
  // while the next one must not be started yet.
  absl::StatusOr<Lease> Take();
  // After an answer.
  void Return(Lease lease);
  // After anything else: that worker is killed, if it is still there. `because` says why it had to be.
  void GiveUp(Lease lease, std::string because);
  // What ended the last worker; waits while that is being found out.
  std::string LastEnd();

 private:
  using Clock = std::chrono::steady_clock;
  enum class State { kStarting, kRunning, kEnding, kDown };
  struct Ready {
    bool answered = false;  // by the worker itself
    absl::Status status;
  };

  void Run();
  void RunOne(std::unique_lock<std::mutex>& lock);
  Ready SetUp(Channel& control);
  std::string Reap(std::unique_lock<std::mutex>& lock);
  void NoteEnd(const std::string& end);
  void NoteLogin();
  void EndConnections();
  absl::StatusOr<Lease> Connect();
  Lease Reuse();
  absl::Status Unavailable() const;

  const Options options_;
  LoginRecord record_;

  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::kStarting;
  bool stopping_ = false;
  bool stopped_ = false;
  std::optional<absl::Status> first_;
  std::optional<WorkerProcess> process_;
  std::vector<WorkerProcess> unreaped_;  // killed, and held up in the kernel
  int control_ = -1;                     // of the worker that runs
  uint64_t worker_ = 0;
  std::string killed_because_;
  std::string last_end_;
  std::vector<Channel> idle_;
  std::set<int> leased_;                       // sockets of calls that wait
  std::optional<Clock::time_point> ready_at_;  // of the last worker
  Clock::time_point not_before_;
  int ended_in_a_row_ = 0;
  int cut_logins_ = 0;  // since the last one that was accepted

  std::thread thread_;
};

}  // namespace aziot::keyd::worker
