// How many requests of one uid are worked on at a time, and who of that uid is next. Further requests wait in
// the order they came; one uid's queue never delays another uid. Any thread; nothing is called with the lock
// held.
#pragma once

#include <sys/types.h>

#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace aziot::server {

class Turns {
 public:
  class Waiter {
   public:
    virtual ~Waiter() = default;
    // Its turn has come; called on the thread of whoever left, so it must only pass the fact on.
    virtual void OnTurn() = 0;
  };
  enum class Entry { kGranted, kWaits, kFull };

  Turns(size_t at_once, size_t waiting) : at_once_(at_once), waiting_(waiting) {}

  // kGranted: begin, and Leave when done. kWaits: OnTurn will be called, unless Cancel comes first.
  Entry Enter(uid_t uid, const std::shared_ptr<Waiter>& waiter);
  // True when `waiter` was still waiting; it does not any more and owes no Leave.
  bool Cancel(uid_t uid, const Waiter* waiter);
  void Leave(uid_t uid);

 private:
  struct OfUid {
    size_t working = 0;
    std::list<std::shared_ptr<Waiter>> queue;
  };

  const size_t at_once_;
  const size_t waiting_;
  std::mutex mutex_;
  std::unordered_map<uid_t, OfUid> uids_;  // guarded by mutex_
};

}  // namespace aziot::server
