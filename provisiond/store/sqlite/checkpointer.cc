#include "provisiond/store/sqlite/checkpointer.h"

#include "common/log/log.h"

namespace aziot::provisiond::store {
namespace {

constexpr int kPagesEach = 1000;

}  // namespace

Checkpointer::Checkpointer(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)), thread_([this] { Run(); }) {}

Checkpointer::~Checkpointer() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Checkpointer::Committed(int pages) {
  const std::lock_guard lock(mutex_);
  if (pages < done_at_) done_at_ = 0;  // the log started over
  if (wanted_ || pages - done_at_ < kPagesEach) return;
  done_at_ = pages;
  wanted_ = true;
  wake_.notify_one();
}

void Checkpointer::Settle() {
  std::unique_lock lock(mutex_);
  rests_.wait(lock, [this] { return !wanted_; });
}

void Checkpointer::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return wanted_ || stop_; });
    if (stop_) return;
    lock.unlock();
    const absl::Status status = connection_->Script("PRAGMA wal_checkpoint(PASSIVE)");
    if (!status.ok()) log::Error("the store's log was not carried over: {}", status);
    lock.lock();
    wanted_ = false;
    rests_.notify_all();
  }
}

}  // namespace aziot::provisiond::store
