#include "openssl-engine/transport.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>

#include "openssl-engine/fake_keyd.h"

namespace aziot::openssl_engine {
namespace {

using std::chrono::milliseconds;

Endpoint EndpointOf(const std::string& socket_path) {
  return {.socket_path = socket_path, .api_version = "2021-05-01", .first_pause = milliseconds(1)};
}

Result<std::string> Post(const FakeKeyd& keyd) {
  return Call(EndpointOf(keyd.socket_path()), "POST", "/sign", "{}");
}

const std::string kGood = FormatAnswer(200, "{\"value\":\"a\"}");

TEST(TransportTest, TheRequestIsWholeAndNamesItsHost) {
  std::string request;
  const FakeKeyd keyd([&](int connection) {
    request = ReadRequest(connection);
    WriteAll(connection, kGood);
  });
  const Result<std::string> body = Post(keyd);
  ASSERT_TRUE(body.ok()) << body.failure().text;
  EXPECT_EQ(*body, "{\"value\":\"a\"}");
  EXPECT_EQ(request,
            "POST /sign?api-version=2021-05-01 HTTP/1.1\r\nHost: keyd.sock\r\ncontent-type: "
            "application/json\r\ncontent-length: 2\r\n\r\n{}");
}

TEST(TransportTest, AnAnswerCutAtAnyByteIsAnErrorAtOnce) {
  size_t cut = 0;
  FakeKeyd keyd([&](int connection) {
    ReadRequest(connection);
    WriteAll(connection, kGood.substr(0, cut));
  });
  for (cut = 1; cut < kGood.size(); ++cut) {
    const Result<std::string> body = Post(keyd);
    ASSERT_FALSE(body.ok()) << cut;
    EXPECT_EQ(body.failure().reason, Reason::kBadAnswer) << cut;
  }
  EXPECT_EQ(keyd.connections(), static_cast<int>(kGood.size()) - 1);
}

TEST(TransportTest, AnAnswerInSingleBytesIsRead) {
  const FakeKeyd keyd([](int connection) {
    ReadRequest(connection);
    for (const char c : kGood) WriteAll(connection, {&c, 1});
  });
  EXPECT_TRUE(Post(keyd).ok());
}

TEST(TransportTest, ARefusalNamesTheCallAndIsNotTriedAgain) {
  const FakeKeyd keyd([](int connection) {
    ReadRequest(connection);
    WriteAll(connection, FormatAnswer(500, "{\"message\":\"internal error\"}"));
  });
  const Result<std::string> body = Post(keyd);
  ASSERT_FALSE(body.ok());
  EXPECT_EQ(body.failure().reason, Reason::kRefused);
  EXPECT_EQ(body.failure().text, "POST /sign: keyd refused with status 500: internal error");
  EXPECT_EQ(keyd.connections(), 1);
}

TEST(TransportTest, AnEndlessAnswerIsCutOff) {
  const FakeKeyd keyd([](int connection) {
    ReadRequest(connection);
    WriteAll(connection, "HTTP/1.1 200 OK\r\n" + std::string(100'000, 'x'));
  });
  EXPECT_EQ(Post(keyd).failure().reason, Reason::kBadAnswer);
}

TEST(TransportTest, SilenceEndsInATimeout) {
  int stop[2];
  ASSERT_EQ(pipe(stop), 0);
  {
    const FakeKeyd keyd([&](int connection) {
      ReadRequest(connection);
      char byte;
      if (read(stop[0], &byte, 1) != 0) std::abort();
    });
    Endpoint endpoint = EndpointOf(keyd.socket_path());
    endpoint.io_timeout = milliseconds(30);
    EXPECT_EQ(Call(endpoint, "GET", "/keypair/a", "").failure().reason, Reason::kTimeout);
    EXPECT_EQ(keyd.connections(), 1);
    close(stop[1]);
  }
  close(stop[0]);
}

TEST(TransportTest, DribblingDoesNotStretchTheDeadline) {
  const FakeKeyd keyd([](int connection) {
    ReadRequest(connection);
    // Ends when the client gives up: the send then fails.
    const timespec pause{0, 1'000'000};
    while (send(connection, "H", 1, MSG_NOSIGNAL) == 1) nanosleep(&pause, nullptr);
  });
  Endpoint endpoint = EndpointOf(keyd.socket_path());
  endpoint.io_timeout = milliseconds(30);
  EXPECT_EQ(Call(endpoint, "GET", "/keypair/a", "").failure().reason, Reason::kTimeout);
}

TEST(TransportTest, AReplylessCloseIsTriedAgain) {
  int refusals = 6;
  FakeKeyd keyd([&](int connection) {
    // Alternately before and after the request was read: ECONNRESET or EPIPE, and a clean end.
    if (refusals > 0 && refusals-- % 2 == 0) return;
    ReadRequest(connection);
    if (refusals > 0) return;
    WriteAll(connection, kGood);
  });
  const Result<std::string> body = Post(keyd);
  EXPECT_TRUE(body.ok()) << body.failure().text;
  EXPECT_EQ(keyd.connections(), 6);
}

TEST(TransportTest, AfterFiveRetriesItGivesUp) {
  const FakeKeyd keyd([](int) {});
  EXPECT_EQ(Post(keyd).failure().reason, Reason::kUnreachable);
  EXPECT_EQ(keyd.connections(), 6);
}

TEST(TransportTest, NobodyListeningIsNamed) {
  std::string path;
  {
    path = FakeKeyd([](int) {}).socket_path();
  }
  const Result<std::string> body = Call(EndpointOf(path), "POST", "/sign", "{}");
  ASSERT_FALSE(body.ok());
  EXPECT_EQ(body.failure().reason, Reason::kUnreachable);
  EXPECT_NE(body.failure().text.find("connecting to " + path + ": No such file"), std::string::npos);
}

TEST(TransportTest, AFullBacklogEndsInATimeout) {
  char name[] = "/tmp/transport_test_XXXXXX";
  const std::string path = std::string(mkdtemp(name)) + "/s";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  const int filler = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(listener, generic, sizeof address), 0);
  ASSERT_EQ(listen(listener, 0), 0);
  ASSERT_EQ(connect(filler, generic, sizeof address), 0);
  Endpoint endpoint = EndpointOf(path);
  endpoint.connect_timeout = milliseconds(20);
  EXPECT_EQ(Call(endpoint, "POST", "/sign", "{}").failure().reason, Reason::kTimeout);
  close(filler);
  close(listener);
  unlink(path.c_str());
  rmdir(name);
}

TEST(TransportTest, SignalsDoNotDisturbACall) {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) {};
  sigaction(SIGUSR1, &action, &before);
  const pthread_t caller = pthread_self();
  const FakeKeyd keyd([&](int connection) {
    ReadRequest(connection);
    for (const char c : kGood) {
      pthread_kill(caller, SIGUSR1);
      WriteAll(connection, {&c, 1});
    }
  });
  EXPECT_TRUE(Post(keyd).ok());
  sigaction(SIGUSR1, &before, nullptr);
}

}  // namespace
}  // namespace aziot::openssl_engine
