// Things that wait, first in first out for each uid, taken from one uid after the other: a uid with a
// thousand of them delays another's by one. Not locked. Only Push asks for memory, and does nothing when
// there is none.
#pragma once

#include <sys/types.h>

#include <deque>
#include <list>
#include <unordered_map>
#include <utility>

namespace aziot::server {

template <class T>
class RoundRobin {
 public:
  void Push(uid_t uid, T thing) {
    std::deque<T>& mine = waiting_[uid];
    std::list<uid_t> place;
    if (mine.empty()) place.push_back(uid);
    mine.push_back(std::move(thing));
    order_.splice(order_.end(), place);
    ++size_;
  }

  // Must not be empty.
  T Pop() {
    const uid_t uid = order_.front();
    const auto mine = waiting_.find(uid);
    T thing = std::move(mine->second.front());
    mine->second.pop_front();
    if (!mine->second.empty()) {
      order_.splice(order_.end(), order_, order_.begin());
    } else {
      order_.pop_front();
      if (waiting_.size() > kRemembered) waiting_.erase(mine);
    }
    --size_;
    return thing;
  }

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }

 private:
  // Empty queues are kept for the next request of their uid, up to this many.
  static constexpr size_t kRemembered = 32;

  std::unordered_map<uid_t, std::deque<T>> waiting_;
  std::list<uid_t> order_;
  size_t size_ = 0;
};

}  // namespace aziot::server
