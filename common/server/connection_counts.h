// How many connections there are, in all and of each uid, and who may open another. Any thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

namespace aziot::server {

class ConnectionCounts {
 public:
  // One connection's place; given back when it is destroyed.
  class Place {
   public:
    Place(Place&& other) noexcept : counts_(std::exchange(other.counts_, nullptr)), uid_(other.uid_) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (counts_ != nullptr) counts_->Leave(uid_);
    }

   private:
    friend class ConnectionCounts;
    Place(ConnectionCounts* counts, uid_t uid) : counts_(counts), uid_(uid) {}
    ConnectionCounts* counts_;
    uid_t uid_;
  };

  ConnectionCounts(size_t in_all, size_t per_uid) : in_all_(in_all), per_uid_(per_uid) {}

  // Nothing when either bound is reached.
  std::optional<Place> Enter(uid_t uid);
  size_t total() const;
  // True when no connection is left within `limit`.
  bool WaitUntilNone(std::chrono::milliseconds limit);

 private:
  void Leave(uid_t uid);

  const size_t in_all_;
  const size_t per_uid_;
  mutable std::mutex mutex_;
  std::condition_variable none_;
  size_t total_ = 0;
  std::unordered_map<uid_t, size_t> uids_;
};

}  // namespace aziot::server
