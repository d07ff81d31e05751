// What any peer may ask, which front a connection gets, and who the kernel says is there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/rpc/errors.h"
#include "common/server/test_server.h"

namespace aziot::server {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ObservingTest, NeedsNoApiVersion) {
  Options options;
  std::atomic<bool> ready{false};
  options.ready = [&] { return ready ? absl::OkStatus() : absl::UnavailableError("not provisioned"); };
  TestServer server(options);
  RawClient client(server.socket());
  ASSERT_TRUE(client.Send("GET /live HTTP/1.1\r\n\r\n"));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200 "));
  ASSERT_TRUE(client.Send("GET /ready HTTP/1.1\r\n\r\n"));
  EXPECT_THAT(client.ReadAnswer(), AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("not provisioned")));
  ready = true;
  ASSERT_TRUE(client.Send("GET http://foo/ready?x HTTP/1.1\r\n\r\n"));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200 "));
  ASSERT_TRUE(client.Send("POST /live HTTP/1.1\r\ncontent-length: 0\r\n\r\n"));
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("api-version not specified"));
  ASSERT_TRUE(client.Send(GetKeyRequestText("a")));
  client.ReadAnswer();
  ASSERT_TRUE(client.Send("GET /metrics HTTP/1.1\r\n\r\n"));
  const std::string metrics = client.ReadAnswer();
  EXPECT_THAT(metrics,
              HasSubstr("aziot_requests_total{rpc=\"aziot.keys.v1.Keys.GetKey\",class=\"2xx\"} 1\n"));
  EXPECT_THAT(metrics, EndsWith("# EOF\n"));
}

TEST(ObservingTest, ShowsItsInterface) {
  TestServer server;
  RawClient client(server.socket());
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(client.Send("GET /openapi.json HTTP/1.1\r\n\r\n"));
    const std::string answer = client.ReadAnswer();
    EXPECT_THAT(answer,
                AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("\r\ncontent-type: application/json\r\n")));
    const nlohmann::json document = nlohmann::json::parse(answer.substr(answer.find("\r\n\r\n") + 4));
    EXPECT_EQ(document["info"]["title"], "keyd");
    // Those that have a handler here.
    EXPECT_EQ(document["paths"]["/key/{id}"]["get"]["operationId"], "GetKey");
    EXPECT_FALSE(document["paths"].contains("/sign"));
  }
  ASSERT_TRUE(client.Send("POST /openapi.json HTTP/1.1\r\ncontent-length: 0\r\n\r\n"));
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("api-version not specified"));
}

TEST(ObservingTest, CountsWhatNeverBecameACall) {
  TestServer server;
  RawClient large(server.socket()), client(server.socket());
  ASSERT_TRUE(large.Send(CreateKeyHead(300 * 1024)));
  EXPECT_THAT(large.ReadAnswer(), StartsWith("HTTP/1.1 413 "));
  ASSERT_TRUE(client.Send("GET /nothing?api-version=2020-09-01 HTTP/1.1\r\n\r\n"));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 404 "));
  ASSERT_TRUE(client.Send("GET /metrics HTTP/1.1\r\n\r\n"));
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("aziot_refused_requests_total 2\n"));
}

TEST(SniffTest, Http2IsClosedWithoutAByteWhenGrpcIsOff) {
  Options options;
  options.grpc = false;
  TestServer server(options);
  RawClient client(server.socket());
  ASSERT_TRUE(client.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
  EXPECT_TRUE(client.AtEnd());
}

TEST(SniffTest, ALoneFirstLetterIsNotTakenForHttp2) {
  TestServer server;
  RawClient client(server.socket());
  ASSERT_TRUE(client.Send("P"));
  ASSERT_TRUE(client.Send((CreateKeyHead(kCreateKey.size()) + std::string(kCreateKey)).substr(1)));
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("\"k:0\""));
}

// The kernel says who asks: a child with another uid is seen as that uid.
TEST(PeerTest, HandlersSeeTheUidOfTheProcess) {
  if (geteuid() != 0) GTEST_SKIP() << "only root may become another user";
  TestServer server(
      {}, [](const rpc::CallContext& call, const std::string&) -> absl::StatusOr<keys::v1::KeyHandle> {
        return rpc::NotAuthorized(absl::StrCat("uid ", call.peer.uid));
      });
  server.AllowEveryone();
  int answer[2];
  ASSERT_EQ(pipe(answer), 0);
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);  // whatever happens, the test must not wait for good
    if (setgid(64001) != 0 || setuid(64001) != 0) _exit(1);
    RawClient client(server.socket());
    client.Send(GetKeyRequestText("a", "Connection: close\r\n"));
    const std::string text = client.ReadAnswer();
    _exit(write(answer[1], text.data(), text.size()) < 0 ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  char text[1024];
  const ssize_t count = read(answer[0], text, sizeof text);
  close(answer[0]);
  close(answer[1]);
  ASSERT_GT(count, 0) << status;
  EXPECT_THAT(std::string(text, static_cast<size_t>(count)),
              AllOf(StartsWith("HTTP/1.1 401 "), HasSubstr("uid 64001")));
}

}  // namespace
}  // namespace aziot::server
