// A value that changes, and those who watch it: the answer of a streaming rpc. The service sets the value;
// each front sends the newest one, at once and after every change, skipping values its client was too slow
// for.
#pragma once

#include <google/protobuf/message.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace aziot::rpc {

class Feed {
 public:
  using Value = std::shared_ptr<const google::protobuf::Message>;

  explicit Feed(Value first) : value_(std::move(first)) {}

  // Replaces the value and tells the watchers. Any thread.
  void Set(Value value);
  // The value now, with its number (1 for the first one).
  std::pair<Value, uint64_t> Get() const;

  // `changed` runs after each Set, on the setter's thread: it must only note the fact (Get is allowed, Watch,
  // Cancel and Set are not). Cancel from any other thread; after it returns `changed` does not run any more.
  uint64_t Watch(std::function<void()> changed);
  void Cancel(uint64_t watch);

 private:
  mutable std::mutex mutex_;
  Value value_;
  uint64_t number_ = 1;
  // Held while watchers are told, so that Cancel waits for them; never together with mutex_: a watcher may
  // Get.
  std::mutex watches_mutex_;
  uint64_t next_watch_ = 1;
  std::map<uint64_t, std::function<void()>> watches_;
};

}  // namespace aziot::rpc
