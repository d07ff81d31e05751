#include "common/grpc_front/unary_reactor.h"

#include <mutex>
#include <string>
#include <utility>

#include "common/grpc_front/payload.h"

namespace aziot::grpc_front {
namespace {

class UnaryReactor final : public grpc::ServerGenericBidiReactor {
 public:
  UnaryReactor(rpc::Endpoint& endpoint, grpc::GenericCallbackServerContext& context,
               std::function<void()> ended)
      : endpoint_(endpoint), context_(context), ended_(std::move(ended)) {
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    std::string bytes;
    if (!ok || !ToString(request_, bytes)) {
      Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "the call carries no message"));
      return;
    }
    request_.Clear();
    rpc::Endpoint::GiveUp give_up =
        endpoint_.Call(context_.method(), std::move(bytes), context_.deadline(),
                       [this](const rpc::Endpoint::Answer& answer) { Answer(answer); });
    // The answer may have been given by now, but gRPC keeps the reactor until this has returned.
    std::unique_lock lock(mutex_);
    give_up_ = std::move(give_up);
    if (!cancelled_) return;
    lock.unlock();
    give_up_();
  }

  void OnCancel() override {
    std::unique_lock lock(mutex_);
    cancelled_ = true;
    if (give_up_ == nullptr) return;
    lock.unlock();
    give_up_();
  }

  void OnDone() override {
    const std::function<void()> ended = std::move(ended_);
    delete this;
    ended();
  }

 private:
  void Answer(const rpc::Endpoint::Answer& answer) {
    if (answer.code != 0) {
      Finish(grpc::Status(static_cast<grpc::StatusCode>(answer.code), answer.message));
      return;
    }
    reply_ = ToBuffer(answer.payload);
    StartWriteAndFinish(&reply_, grpc::WriteOptions(), grpc::Status::OK);
  }

  rpc::Endpoint& endpoint_;
  grpc::GenericCallbackServerContext& context_;
  std::function<void()> ended_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer reply_;
  std::mutex mutex_;
  bool cancelled_ = false;         // guarded by mutex_
  rpc::Endpoint::GiveUp give_up_;  // set once, guarded by mutex_ until then
};

}  // namespace

grpc::ServerGenericBidiReactor* NewUnaryReactor(rpc::Endpoint& endpoint,
                                                grpc::GenericCallbackServerContext& context,
                                                std::function<void()> ended) {
  return new UnaryReactor(endpoint, context, std::move(ended));
}

}  // namespace aziot::grpc_front
