#include "common/server/grpc_endpoint.h"

#include <google/protobuf/message.h>

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/rpc/errors.h"
#include "common/rpc/feed.h"
#include "common/rpc/wire_status.h"

namespace aziot::server {
namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using rpc::Endpoint;

// gRPC has our own api-version only.
constexpr absl::string_view kApiVersion = "2026-12-01";
constexpr int kUnimplemented = 12;
constexpr size_t kLoggedPath = 128;

Endpoint::Answer AnswerOf(const absl::Status& status) {
  const rpc::WireStatus wire = rpc::ToWire(status);
  return {.code = wire.grpc, .message = wire.message};
}

std::unique_ptr<Message> ParseRequest(const MethodDescriptor& method, const std::string& bytes) {
  const Message* prototype =
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(method.input_type());
  std::unique_ptr<Message> request(prototype->New());
  if (!request->ParseFromString(bytes)) return nullptr;
  return request;
}

class FeedStream final : public Endpoint::Stream {
 public:
  FeedStream(std::shared_ptr<rpc::Feed> feed, std::function<void()> changed)
      : feed_(std::move(feed)), watch_(feed_->Watch(std::move(changed))) {}
  ~FeedStream() override { feed_->Cancel(watch_); }

  bool Take(std::string& payload) override {
    const auto [value, number] = feed_->Get();
    if (number == taken_) return false;
    taken_ = number;
    payload = value->SerializeAsString();
    return true;
  }

 private:
  const std::shared_ptr<rpc::Feed> feed_;
  const uint64_t watch_;
  uint64_t taken_ = 0;
};

class UnaryCall final : public Call {
 public:
  UnaryCall(EventLoop& loop, const MethodDescriptor& method, rpc::CallContext context,
            const rpc::Dispatcher::Handler& handler, std::unique_ptr<Message> request,
            std::function<void(Endpoint::Answer)> done)
      : Call(loop, method, std::move(context)),
        handler_(handler),
        request_(std::move(request)),
        done_(std::move(done)) {}

  void Answer(const absl::Status& status) override {
    Endpoint::Answer answer;
    if (status.ok()) {
      answer.payload = reply_->SerializeAsString();
    } else {
      answer = AnswerOf(status);
    }
    std::exchange(done_, nullptr)(std::move(answer));
  }

 private:
  absl::Status Handle(const rpc::CallContext& context) override {
    rpc::Reply reply = handler_(context, *request_);
    if (!reply.ok()) return reply.status();
    reply_ = *std::move(reply);
    return absl::OkStatus();
  }

  const rpc::Dispatcher::Handler& handler_;
  const std::unique_ptr<Message> request_;
  std::unique_ptr<Message> reply_;
  std::function<void(Endpoint::Answer)> done_;
};

class WatchCall final : public Call {
 public:
  using Done = std::function<void(Endpoint::Answer, std::unique_ptr<Endpoint::Stream>)>;

  WatchCall(EventLoop& loop, const MethodDescriptor& method, rpc::CallContext context,
            const rpc::Dispatcher::StreamHandler& handler, std::unique_ptr<Message> request,
            std::function<void()> changed, Done done)
      : Call(loop, method, std::move(context)),
        handler_(handler),
        request_(std::move(request)),
        // A feed's setter only notes the change; the value is taken and sent from the reactor.
        changed_([&loop, changed = std::move(changed)] { loop.Post(changed); }),
        done_(std::move(done)) {}

  void Answer(const absl::Status& status) override {
    std::unique_ptr<Endpoint::Stream> stream;
    if (status.ok()) stream = std::make_unique<FeedStream>(std::move(feed_), std::move(changed_));
    std::exchange(done_, nullptr)(status.ok() ? Endpoint::Answer() : AnswerOf(status), std::move(stream));
  }

 private:
  absl::Status Handle(const rpc::CallContext& context) override {
    absl::StatusOr<std::shared_ptr<rpc::Feed>> feed = handler_(context, *request_);
    if (!feed.ok()) return feed.status();
    feed_ = *std::move(feed);
    return absl::OkStatus();
  }

  const rpc::Dispatcher::StreamHandler& handler_;
  const std::unique_ptr<Message> request_;
  std::shared_ptr<rpc::Feed> feed_;
  std::function<void()> changed_;
  Done done_;
};

class ConnectionEndpoint final : public Endpoint {
 public:
  ConnectionEndpoint(GrpcCalls& shared, const net::Peer& peer,
                     std::shared_ptr<const ConnectionCounts::Place> place)
      : shared_(shared), peer_(peer), place_(std::move(place)) {}

  Kind KindOf(const std::string& path) const override {
    const MethodDescriptor* method = shared_.Find(path);
    if (method == nullptr) return Kind::kUnknown;
    return method->server_streaming() ? Kind::kStream : Kind::kUnary;
  }

  GiveUp Call(const std::string& path, std::string request, Deadline deadline,
              std::function<void(Answer)> done) override {
    const MethodDescriptor* method = shared_.Find(path);
    const rpc::Dispatcher::Handler* handler = method == nullptr ? nullptr : shared_.dispatcher().Find(method);
    if (handler == nullptr) {
      done(Unknown(path));
      return Nothing();
    }
    std::unique_ptr<Message> message = ParseRequest(*method, request);
    if (message == nullptr) {
      done(AnswerOf(Malformed(*method)));
      return Nothing();
    }
    EventLoop& loop = shared_.NextLoop();
    return Begin(loop, std::make_shared<UnaryCall>(loop, *method, Context(deadline), *handler,
                                                   std::move(message), std::move(done)));
  }

  GiveUp Watch(const std::string& path, std::string request, Deadline deadline, std::function<void()> changed,
               WatchCall::Done done) override {
    const MethodDescriptor* method = shared_.Find(path);
    const rpc::Dispatcher::StreamHandler* handler =
        method == nullptr ? nullptr : shared_.dispatcher().FindStream(method);
    if (handler == nullptr) {
      done(Unknown(path), nullptr);
      return Nothing();
    }
    std::unique_ptr<Message> message = ParseRequest(*method, request);
    if (message == nullptr) {
      done(AnswerOf(Malformed(*method)), nullptr);
      return Nothing();
    }
    EventLoop& loop = shared_.NextLoop();
    return Begin(loop, std::make_shared<WatchCall>(loop, *method, Context(deadline), *handler,
                                                   std::move(message), std::move(changed), std::move(done)));
  }

 private:
  rpc::CallContext Context(Deadline deadline) const {
    return rpc::CallContext(peer_, kApiVersion, shared_.Until(deadline));
  }
  absl::Status Malformed(const MethodDescriptor& method) const {
    const absl::Status status = rpc::Unprocessable("the request is no message of the method's type");
    shared_.calls().Refused(peer_.uid, method.full_name(), status);
    return status;
  }
  // The caller learns what other gRPC servers say; the log, what was asked for.
  Answer Unknown(const std::string& path) const {
    shared_.calls().Refused(peer_.uid, absl::CHexEscape(path.substr(0, kLoggedPath)), rpc::NoRoute());
    return {.code = kUnimplemented, .message = "no such method"};
  }
  static GiveUp Nothing() {
    return [] {};
  }
  template <class OneCall>
  GiveUp Begin(EventLoop& loop, const std::shared_ptr<OneCall>& call) {
    Calls& calls = shared_.calls();
    loop.Post([&calls, call] {
      if (!calls.Start(call)) call->Answer(rpc::Busy("too many requests of this user are waiting"));
    });
    return [&calls, &loop, waiting = std::weak_ptr<OneCall>(call)] {
      loop.Post([&calls, waiting] {
        if (const std::shared_ptr<OneCall> left = waiting.lock(); left != nullptr) calls.Abandon(left);
      });
    };
  }

  GrpcCalls& shared_;
  const net::Peer peer_;
  const std::shared_ptr<const ConnectionCounts::Place> place_;
};

}  // namespace

GrpcCalls::GrpcCalls(const rpc::Dispatcher& dispatcher, Calls& calls, std::vector<EventLoop*> loops)
    : dispatcher_(dispatcher), calls_(calls), loops_(std::move(loops)) {
  for (const google::protobuf::ServiceDescriptor* service : dispatcher.services()) {
    for (int i = 0; i < service->method_count(); ++i) {
      const MethodDescriptor* method = service->method(i);
      methods_[absl::StrCat("/", service->full_name(), "/", method->name())] = method;
    }
  }
}

const MethodDescriptor* GrpcCalls::Find(const std::string& path) const {
  const auto found = methods_.find(path);
  return found == methods_.end() ? nullptr : found->second;
}

EventLoop& GrpcCalls::NextLoop() {
  return *loops_[next_.fetch_add(1, std::memory_order_relaxed) % loops_.size()];
}

absl::Time GrpcCalls::Until(rpc::Endpoint::Deadline asked) const {
  return std::min(calls_.DeadlineFromNow(), absl::FromChrono(asked));
}

std::unique_ptr<rpc::Endpoint> NewGrpcEndpoint(GrpcCalls& shared, const net::Peer& peer,
                                               std::shared_ptr<const ConnectionCounts::Place> place) {
  return std::make_unique<ConnectionEndpoint>(shared, peer, std::move(place));
}

}  // namespace aziot::server
