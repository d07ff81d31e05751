// Carries what the write-ahead log holds into the store's file, on a thread and a connection of its own: a
// commit waits for its own few pages, not for everybody's. Thread-safe.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "provisiond/store/sqlite/connection.h"

namespace aziot::provisiond::store {

class Checkpointer {
 public:
  // A log of more pages is not left to the thread: it starts over only in a moment without writers.
  static constexpr int kMostPages = 4096;

  explicit Checkpointer(std::unique_ptr<Connection> connection);
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;
  ~Checkpointer();

  // After a commit: the log holds `pages`.
  void Committed(int pages);
  // Returns once it is at rest: nobody but it holds the log for longer than a read.
  void Settle();

 private:
  void Run();

  const std::unique_ptr<Connection> connection_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable rests_;
  int done_at_ = 0;  // pages when the last one began
  bool wanted_ = false;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace aziot::provisiond::store
