#include "common/rpc/dispatcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "aziot/identity/v1/identity.pb.h"
#include "aziot/keys/v1/keys.pb.h"
#include "common/rpc/errors.h"

namespace aziot::rpc {
namespace {

using identity::v1::WatchIdentityReply;
using identity::v1::WatchIdentityRequest;
using keys::v1::GetKeyRequest;
using keys::v1::KeyHandle;
using keys::v1::SignReply;
using keys::v1::SignRequest;

constexpr char kSign[] = "aziot.keys.v1.Keys.Sign";
constexpr char kWatch[] = "aziot.identity.v1.Identities.WatchIdentity";

const google::protobuf::MethodDescriptor* Method(const char* name) {
  return google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(name);
}

struct Service {
  absl::StatusOr<SignReply> Sign(const CallContext& call, const SignRequest& request) {
    RETURN_IF_ERROR(call.MoveTo(Lane::Named(request.algorithm())));
    if (request.key_handle().empty()) return BadRequest("no handle");
    SignReply reply;
    reply.set_signature(request.key_handle());
    return reply;
  }
  absl::StatusOr<KeyHandle> Get(const CallContext&, const GetKeyRequest&) { return KeyHandle(); }
  absl::StatusOr<std::shared_ptr<Feed>> Watch(const CallContext&, const WatchIdentityRequest&) {
    return std::make_shared<Feed>(std::make_shared<WatchIdentityReply>());
  }
};

TEST(DispatcherTest, RunsTheHandlerOfTheMethod) {
  Service service;
  Dispatcher dispatcher;
  dispatcher.Add(kSign, service, &Service::Sign);
  const Dispatcher::Handler* handler = dispatcher.Find(Method(kSign));
  ASSERT_NE(handler, nullptr);
  EXPECT_EQ(dispatcher.FindStream(Method(kSign)), nullptr);
  EXPECT_EQ(dispatcher.Find(Method("aziot.keys.v1.Keys.Encrypt")), nullptr);
  ASSERT_EQ(dispatcher.services().size(), 1u);
  EXPECT_EQ(dispatcher.services()[0]->full_name(), "aziot.keys.v1.Keys");

  const CallContext call(net::Peer{.uid = 7}, "2021-05-01", absl::InfiniteFuture());
  SignRequest request;
  EXPECT_EQ((*handler)(call, request).status(), BadRequest("no handle"));
  request.set_key_handle("h");
  const Reply reply = (*handler)(call, request);
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(static_cast<const SignReply&>(**reply).signature(), "h");
}

TEST(DispatcherTest, AHandlerMovesToItsLaneAndRunsThere) {
  Service service;
  Dispatcher dispatcher;
  dispatcher.Add(kSign, service, &Service::Sign);
  CallContext call(net::Peer{}, "2021-05-01", absl::InfiniteFuture());
  SignRequest request;
  request.set_algorithm("token-7");
  request.set_key_handle("h");
  const Reply first = (*dispatcher.Find(Method(kSign)))(call, request);
  ASSERT_TRUE(CallContext::IsMark(first.status()));
  EXPECT_EQ(call.wanted(), Lane::Named("token-7"));
  call.RunOn(call.wanted());
  EXPECT_TRUE((*dispatcher.Find(Method(kSign)))(call, request).ok());
}

TEST(CallContextTest, OnlyTheMarkIsAMark) {
  const CallContext call(net::Peer{}, "", absl::InfiniteFuture());
  EXPECT_TRUE(call.MoveTo(Lane::Inline()).ok());
  EXPECT_TRUE(CallContext::IsMark(call.MoveTo(Lane::Cpu())));
  EXPECT_FALSE(CallContext::IsMark(absl::OkStatus()));
  EXPECT_FALSE(CallContext::IsMark(absl::AbortedError("the call moves to another lane")));
}

TEST(DispatcherTest, StreamsAreKeptApart) {
  Service service;
  Dispatcher dispatcher;
  dispatcher.AddStream<WatchIdentityReply>(kWatch, service, &Service::Watch);
  EXPECT_EQ(dispatcher.Find(Method(kWatch)), nullptr);
  const Dispatcher::StreamHandler* handler = dispatcher.FindStream(Method(kWatch));
  ASSERT_NE(handler, nullptr);
  const CallContext call(net::Peer{}, "", absl::InfiniteFuture());
  EXPECT_EQ((*(*handler)(call, WatchIdentityRequest()))->Get().second, 1u);
}

TEST(DispatcherDeathTest, OurOwnMistakesEndTheProcess) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  Service service;
  Dispatcher dispatcher;
  dispatcher.Add(kSign, service, &Service::Sign);
  EXPECT_DEATH(dispatcher.Add("aziot.keys.v1.Keys.Sing", service, &Service::Sign), "not in any proto");
  EXPECT_DEATH(dispatcher.Add("aziot.keys.v1.Keys.Encrypt", service, &Service::Sign), "other types");
  EXPECT_DEATH(dispatcher.Add(kSign, service, &Service::Sign), "has a handler already");
  EXPECT_DEATH(dispatcher.CheckComplete(), "Keys.CreateKey: has no handler");
}

TEST(FeedTest, WatchersHearOfEveryChangeAndSeeTheNewest) {
  Feed feed(std::make_shared<KeyHandle>());
  int changes = 0;
  uint64_t seen = 0;
  const uint64_t watch = feed.Watch([&] {
    ++changes;
    seen = feed.Get().second;
  });
  EXPECT_EQ(changes, 0);
  const auto second = std::make_shared<KeyHandle>();
  feed.Set(second);
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(seen, 2u);
  EXPECT_EQ(feed.Get().first, second);
  feed.Cancel(watch);
  feed.Set(nullptr);
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(feed.Get().second, 3u);
}

TEST(FeedTest, AfterCancelNothingRunsAnyMore) {
  Feed feed(std::make_shared<KeyHandle>());
  std::atomic<bool> stop{false};
  std::thread setter([&] {
    while (!stop) feed.Set(std::make_shared<KeyHandle>());
  });
  for (int i = 0; i < 1000; ++i) {
    auto alive = std::make_unique<std::atomic<bool>>(true);
    std::atomic<bool>* flag = alive.get();
    const uint64_t watch = feed.Watch([flag] { EXPECT_TRUE(*flag); });
    feed.Cancel(watch);
    *flag = false;
    alive.reset();
  }
  stop = true;
  setter.join();
}

}  // namespace
}  // namespace aziot::rpc
