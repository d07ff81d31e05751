#include "common/grpc_front/stream_reactor.h"

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "common/grpc_front/payload.h"

namespace aziot::grpc_front {
namespace {

class StreamReactor;

// What those hold who may call after the end: the feed's watch, and whoever stops the connection.
struct Link {
  std::mutex mutex;
  StreamReactor* reactor = nullptr;  // guarded by mutex; nullptr when the call is over
};

class StreamReactor final : public grpc::ServerGenericBidiReactor {
 public:
  StreamReactor(rpc::Endpoint& endpoint, grpc::GenericCallbackServerContext& context,
                std::function<void()> ended)
      : endpoint_(endpoint), context_(context), ended_(std::move(ended)) {
    link_->reactor = this;
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    std::string bytes;
    if (!ok || !ToString(request_, bytes)) {
      End(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "the call carries no message"));
      return;
    }
    request_.Clear();
    rpc::Endpoint::GiveUp give_up = endpoint_.Watch(
        context_.method(), std::move(bytes), context_.deadline(),
        [link = link_] {
          const std::lock_guard lock(link->mutex);
          if (link->reactor != nullptr) link->reactor->WriteNewest();
        },
        [this](const rpc::Endpoint::Answer& answer, std::unique_ptr<rpc::Endpoint::Stream> stream) {
          Begin(answer, std::move(stream));
        });
    const std::lock_guard lock(link_->mutex);
    give_up_ = std::move(give_up);
    if (stop_with_.has_value()) give_up_();
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(link_->mutex);
    writing_ = false;
    if (!ok) Stop(grpc::Status::CANCELLED);
    if (stop_with_.has_value()) {
      EndLocked(*stop_with_);
    } else {
      WriteNewest();
    }
  }

  void OnCancel() override {
    const std::lock_guard lock(link_->mutex);
    Stop(grpc::Status::CANCELLED);
  }

  // With the lock held. While the endpoint is asked, its answer ends the call: it must find the reactor
  // alive.
  void Stop(const grpc::Status& status) {
    if (!stop_with_.has_value()) stop_with_ = status;
    if (stream_ == nullptr && give_up_ != nullptr) give_up_();
    if (stream_ != nullptr && !writing_) EndLocked(*stop_with_);
  }

  const std::shared_ptr<Link>& link() const { return link_; }

  void OnDone() override {
    stream_.reset();
    const std::function<void()> ended = std::move(ended_);
    delete this;
    ended();
  }

 private:
  void Begin(const rpc::Endpoint::Answer& answer, std::unique_ptr<rpc::Endpoint::Stream> stream) {
    const std::lock_guard lock(link_->mutex);
    stream_ = std::move(stream);
    if (stop_with_.has_value()) {
      EndLocked(*stop_with_);
    } else if (answer.code != 0) {
      EndLocked(grpc::Status(static_cast<grpc::StatusCode>(answer.code), answer.message));
    } else {
      WriteNewest();
    }
  }

  // With the lock held.
  void WriteNewest() {
    std::string payload;
    if (stream_ == nullptr || finished_ || writing_ || !stream_->Take(payload)) return;
    writing_ = true;
    reply_ = ToBuffer(payload);
    StartWrite(&reply_);
  }

  void End(const grpc::Status& status) {
    const std::lock_guard lock(link_->mutex);
    EndLocked(status);
  }
  void EndLocked(const grpc::Status& status) {
    if (std::exchange(finished_, true)) return;
    link_->reactor = nullptr;
    Finish(status);
  }

  rpc::Endpoint& endpoint_;
  grpc::GenericCallbackServerContext& context_;
  std::function<void()> ended_;
  const std::shared_ptr<Link> link_ = std::make_shared<Link>();
  // Guarded by the link's mutex until OnDone.
  std::unique_ptr<rpc::Endpoint::Stream> stream_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer reply_;
  rpc::Endpoint::GiveUp give_up_;  // only posts, so it may be called with the lock held
  bool writing_ = false;
  std::optional<grpc::Status> stop_with_;
  bool finished_ = false;
};

}  // namespace

NewStream MakeStream(rpc::Endpoint& endpoint, grpc::GenericCallbackServerContext& context,
                     std::function<void()> ended) {
  auto* reactor = new StreamReactor(endpoint, context, std::move(ended));
  return {.reactor = reactor, .stop = [link = reactor->link()] {
            const std::lock_guard lock(link->mutex);
            if (link->reactor != nullptr) {
              link->reactor->Stop(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the service stops"));
            }
          }};
}

}  // namespace aziot::grpc_front
