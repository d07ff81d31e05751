#include "common/http/client.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/http/fake_server.h"

namespace aziot::http {
namespace {

constexpr absl::Duration kLong = absl::Seconds(30);

std::string Ok(absl::string_view body) { return FormatResponse(Response{.body = std::string(body)}, true); }

std::string Echo(const Request& request) {
  return Ok(
      absl::StrCat(request.method, " ", request.target, " ", request.headers.Get("host"), " ", request.body));
}

TEST(UnixClientTest, KeepsItsConnection) {
  FakeServer server(Echo);
  UnixClient client(server.path());
  for (int i = 0; i < 3; ++i) {
    const auto response = client.Send({.method = "POST", .target = "/x", .body = "hi"}, kLong);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->body, "POST /x fake.sock hi");
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(UnixClientTest, AGivenHostStays) {
  FakeServer server(Echo);
  UnixClient client(server.path());
  Request request{.method = "GET", .target = "/x"};
  request.headers.Add("Host", "other");
  EXPECT_EQ(client.Send(request, kLong)->body, "GET /x other ");
}

TEST(UnixClientTest, OpensAgainAfterClose) {
  FakeServer server([](const Request&) { return FormatResponse(Response{.status = 204}, false); });
  UnixClient client(server.path());
  EXPECT_EQ(client.Send({.method = "GET", .target = "/x"}, kLong)->status, 204);
  EXPECT_EQ(client.Send({.method = "GET", .target = "/x"}, kLong)->status, 204);
  EXPECT_EQ(server.connections(), 2);
}

TEST(UnixClientTest, AKeptConnectionThatWasClosedIsReopened) {
  FakeServer server(Echo);
  UnixClient client(server.path());
  ASSERT_TRUE(client.Send({.method = "GET", .target = "/x"}, kLong).ok());
  server.CloseConnections();
  EXPECT_TRUE(client.Send({.method = "GET", .target = "/x"}, kLong).ok());
  EXPECT_EQ(server.connections(), 2);
}

TEST(UnixClientTest, AKeptConnectionThatClosesWithoutAnswerIsReopenedOnce) {
  std::atomic<int> requests{0};
  FakeServer server([&](const Request&) { return ++requests == 1 ? Ok("first") : std::string(); });
  UnixClient client(server.path());
  ASSERT_TRUE(client.Send({.method = "GET", .target = "/x"}, kLong).ok());
  EXPECT_EQ(client.Send({.method = "GET", .target = "/x"}, kLong).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(requests, 3);
  EXPECT_EQ(server.connections(), 2);
}

TEST(UnixClientTest, NobodyListensIsUnavailable) {
  UnixClient client("/nonexistent/keyd.sock");
  EXPECT_EQ(client.Send({.method = "GET", .target = "/x"}, kLong).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST(UnixClientTest, ABrokenAnswerIsUnavailableAndNotAskedForAgain) {
  std::atomic<int> requests{0};
  FakeServer server([&](const Request&) {
    return ++requests == 1
               ? Ok("")
               : std::string("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 9\r\n\r\nhalf");
  });
  UnixClient client(server.path());
  ASSERT_TRUE(client.Send({.method = "GET", .target = "/x"}, kLong).ok());
  EXPECT_EQ(client.Send({.method = "GET", .target = "/x"}, kLong).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(requests, 2);
}

TEST(UnixClientTest, NoHttpIsInternal) {
  FakeServer server([](const Request&) { return "220 mail.example ESMTP\r\n\r\n"; });
  UnixClient client(server.path());
  EXPECT_EQ(client.Send({.method = "GET", .target = "/x"}, kLong).status().code(),
            absl::StatusCode::kInternal);
}

TEST(UnixClientTest, AHalfAnswerIsADeadlineAndEndsTheConnection) {
  std::atomic<int> requests{0};
  FakeServer server([&](const Request&) {
    return ++requests == 1 ? std::string("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf") : Ok("whole");
  });
  UnixClient client(server.path());
  EXPECT_EQ(client.Send({.method = "GET", .target = "/x"}, absl::Milliseconds(50)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(client.Send({.method = "GET", .target = "/x"}, kLong)->body, "whole");
}

TEST(UnixClientTest, LargeBodiesGoBothWays) {
  const std::string body(200'000, 'b');
  FakeServer server([](const Request& request) { return Ok(absl::StrCat(request.body, request.body)); });
  UnixClient client(server.path());
  EXPECT_EQ(client.Send({.method = "PUT", .target = "/x", .body = body}, kLong)->body, body + body);
}

TEST(UnixClientTest, HeadHasNoBody) {
  FakeServer server([](const Request& request) {
    return request.method == "HEAD" ? "HTTP/1.1 400 Bad Request\r\ncontent-length: 31\r\n\r\n" : Ok("x");
  });
  UnixClient client(server.path());
  EXPECT_EQ(client.Send({.method = "HEAD", .target = "/x"}, kLong)->status, 400);
  EXPECT_EQ(client.Send({.method = "GET", .target = "/x"}, kLong)->body, "x");
  EXPECT_EQ(server.connections(), 1);
}

}  // namespace
}  // namespace aziot::http
