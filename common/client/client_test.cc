#include "common/client/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "absl/strings/str_cat.h"
#include "aziot/identity/v1/identity.pb.h"
#include "aziot/keys/v1/keys.pb.h"
#include "common/http/fake_server.h"

namespace aziot::client {
namespace {

using keys::v1::Done;
using keys::v1::GetKeyRequest;
using keys::v1::KeyHandle;

constexpr char kGetKey[] = "aziot.keys.v1.Keys.GetKey";
constexpr char kDeleteKey[] = "aziot.keys.v1.Keys.DeleteKey";

std::string Answered(int status, std::string body) {
  return http::FormatResponse(http::Response{.status = status, .body = std::move(body)}, true);
}

Options OptionsFor(const http::FakeServer& server, int retries = 1) {
  return {.socket = server.path(),
          .api_version = "2021-05-01",
          .timeout = absl::Seconds(30),
          .retries = retries,
          .retry_pause = absl::Milliseconds(1)};
}

GetKeyRequest Key(absl::string_view id) {
  GetKeyRequest request;
  request.set_id(std::string(id));
  return request;
}

TEST(ClientTest, CallsByTheRestRule) {
  http::FakeServer server([](const http::Request& request) {
    return Answered(
        200, absl::StrCat(R"({"keyHandle":")", request.method, " ", request.target, R"(","later":1})"));
  });
  Client client(OptionsFor(server));
  for (int i = 0; i < 3; ++i) {
    const auto reply = client.Call<KeyHandle>(kGetKey, Key("a/b"));
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->key_handle(), "GET /key/a%2Fb?api-version=2021-05-01");
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(ClientTest, SuccessWithoutContent) {
  http::FakeServer server([](const http::Request& request) {
    return request.body == R"({"keyHandle":"h"})" ? Answered(204, "") : Answered(500, "");
  });
  Client client(OptionsFor(server));
  KeyHandle handle;
  handle.set_key_handle("h");
  EXPECT_TRUE(client.Call<Done>(kDeleteKey, handle).ok());
}

struct RefusalCase {
  int http;
  absl::StatusCode code;
};
class Refusals : public testing::TestWithParam<RefusalCase> {};

TEST_P(Refusals, AreStatusesWithTheDaemonsAnswerAndAreNotRetried) {
  std::atomic<int> requests{0};
  http::FakeServer server([&](const http::Request&) {
    ++requests;
    return Answered(GetParam().http, R"({"message":"no such\nkey"})");
  });
  Client client(OptionsFor(server, 3));
  const auto reply = client.Call<KeyHandle>(kGetKey, Key("a"));
  EXPECT_EQ(reply.status().code(), GetParam().code);
  EXPECT_EQ(reply.status().message(), "no such\nkey");
  const std::optional<Answer> answer = AnswerOf(reply.status());
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->http_status, GetParam().http);
  EXPECT_EQ(answer->message, "no such\nkey");
  EXPECT_EQ(requests, 1);
}

INSTANTIATE_TEST_SUITE_P(All, Refusals,
                         testing::Values(RefusalCase{400, absl::StatusCode::kInvalidArgument},
                                         RefusalCase{422, absl::StatusCode::kInvalidArgument},
                                         RefusalCase{401, absl::StatusCode::kPermissionDenied},
                                         RefusalCase{404, absl::StatusCode::kNotFound},
                                         RefusalCase{500, absl::StatusCode::kInternal},
                                         RefusalCase{503, absl::StatusCode::kInternal},
                                         RefusalCase{201, absl::StatusCode::kInternal}),
                         [](const auto& info) { return absl::StrCat("Http", info.param.http); });

TEST(ClientTest, AnAnswerThatDoesNotFitIsInternalAndNoRefusal) {
  http::FakeServer server([](const http::Request&) { return Answered(200, "{}"); });
  Client client(OptionsFor(server));
  const auto reply = client.Call<KeyHandle>(kGetKey, Key("a"));
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kInternal);
  EXPECT_FALSE(AnswerOf(reply.status()).has_value());
}

TEST(ClientTest, BrokenConnectionsAreTriedAgainAsOftenAsAllowed) {
  std::atomic<int> requests{0};
  http::FakeServer server([&](const http::Request&) {
    return ++requests < 3 ? std::string() : Answered(200, R"({"keyHandle":"h"})");
  });
  Client impatient(OptionsFor(server, 1));
  const auto refused = impatient.Call<KeyHandle>(kGetKey, Key("a"));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(AnswerOf(refused.status()).has_value());
  EXPECT_EQ(requests, 2);
  requests = 0;
  Client patient(OptionsFor(server, 2));
  EXPECT_TRUE(patient.Call<KeyHandle>(kGetKey, Key("a")).ok());
}

TEST(ClientTest, ADaemonThatIsNotThereIsUnavailable) {
  http::FakeServer server([](const http::Request&) { return Answered(200, R"({"keyHandle":"h"})"); });
  Client client(OptionsFor(server));
  ASSERT_TRUE(client.Call<KeyHandle>(kGetKey, Key("a")).ok());
  server.Stop();
  EXPECT_EQ(client.Call<KeyHandle>(kGetKey, Key("a")).status().code(), absl::StatusCode::kUnavailable);
  server.Start();
  EXPECT_TRUE(client.Call<KeyHandle>(kGetKey, Key("a")).ok());
}

TEST(ClientTest, OnlyRpcsWithARuleAndTheirOwnMessagesCanBeCalled) {
  Client client({.socket = "/nonexistent", .api_version = "2021-05-01"});
  EXPECT_EQ(client.Call<KeyHandle>("aziot.keys.v1.Keys.Nothing", Key("a")).status().code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(client
                .Call<identity::v1::WatchIdentityReply>("aziot.identity.v1.Identities.WatchIdentity",
                                                        identity::v1::WatchIdentityRequest())
                .status()
                .code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(client.Call<Done>(kGetKey, Key("a")).status().code(), absl::StatusCode::kInternal);
}

TEST(ClientTest, CancelEndsACallToADaemonThatHangs) {
  std::promise<void> asked, release;
  http::FakeServer server([&](const http::Request&) {
    asked.set_value();
    release.get_future().wait();
    return std::string();
  });
  Options options = OptionsFor(server);
  options.timeout = absl::Hours(1);
  Client client(options);
  absl::Status status;
  std::thread caller([&] { status = client.Call<KeyHandle>(kGetKey, Key("a")).status(); });
  asked.get_future().wait();
  client.Cancel();
  caller.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(client.Call<KeyHandle>(kGetKey, Key("a")).status().code(), absl::StatusCode::kCancelled);
  release.set_value();
}

TEST(ClientTest, CancelEndsThePauseBeforeAnotherAttempt) {
  std::promise<void> asked;
  http::FakeServer server([&](const http::Request&) {
    asked.set_value();
    return std::string();
  });
  Options options = OptionsFor(server);
  options.retry_pause = absl::Hours(1);
  Client client(options);
  absl::Status status;
  std::thread caller([&] { status = client.Call<KeyHandle>(kGetKey, Key("a")).status(); });
  asked.get_future().wait();
  client.Cancel();
  caller.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
}

TEST(ClientTest, ThreadsShareOneClient) {
  http::FakeServer server([](const http::Request& request) {
    return Answered(200, absl::StrCat(R"({"keyHandle":")", request.target, R"("})"));
  });
  Client client(OptionsFor(server));
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&client, t] {
      for (int i = 0; i < 50; ++i) {
        const auto reply = client.Call<KeyHandle>(kGetKey, Key(absl::StrCat(t, "-", i)));
        ASSERT_TRUE(reply.ok()) << reply.status();
        EXPECT_EQ(reply->key_handle(), absl::StrCat("/key/", t, "-", i, "?api-version=2021-05-01"));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace aziot::client
