#include "openssl-engine/transport.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <set>
#include <thread>
#include <vector>

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

// One answer, whatever is wrong with it, is one connection: only silence is worth another try.
struct OddCase {
  const char* name;
  std::string bytes;
  Reason reason;
  const char* text;
};
void PrintTo(const OddCase& one, std::ostream* out) { *out << one.name; }
class OddAnswerTest : public testing::TestWithParam<OddCase> {};

TEST_P(OddAnswerTest, IsNamedAndNotTriedAgain) {
  const FakeKeyd keyd([](int connection) {
    ReadRequest(connection);
    WriteAll(connection, GetParam().bytes);
  });
  const Result<std::string> body = Post(keyd);
  ASSERT_FALSE(body.ok());
  EXPECT_EQ(body.failure().reason, GetParam().reason);
  EXPECT_NE(body.failure().text.find(GetParam().text), std::string::npos) << body.failure().text;
  EXPECT_EQ(keyd.connections(), 1);
}
const std::string kHead = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
INSTANTIATE_TEST_SUITE_P(
    All, OddAnswerTest,
    testing::Values(
        OddCase{"OtherType", "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\n{}",
                Reason::kBadAnswer, "keyd's answer is not of type application/json"},
        OddCase{"NoType", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", Reason::kBadAnswer,
                "not of type"},
        OddCase{"NoContent", "HTTP/1.1 204 No Content\r\n\r\n", Reason::kRefused, "status 204"},
        OddCase{"Redirect", "HTTP/1.1 301 Moved\r\ncontent-length: 0\r\n\r\n", Reason::kRefused,
                "status 301"},
        OddCase{"NotFound", FormatAnswer(404, "{\"message\":\"gone\"}"), Reason::kRefused,
                "status 404: gone"},
        OddCase{"Busy", "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", Reason::kRefused, "status 503"},
        OddCase{"Chunked", kHead + "transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                Reason::kBadAnswer, "only content-length"},
        OddCase{"Unframed", kHead + "\r\n{}", Reason::kBadAnswer, "no content-length"},
        OddCase{"TooLong", kHead + "content-length: 999999\r\n\r\n", Reason::kBadAnswer, "above 256 KiB"},
        OddCase{"Garbage", std::string(40'000, '\0'), Reason::kBadAnswer, "above 16 KiB"},
        OddCase{"OtherProtocol", "SSH-2.0-OpenSSH\r\n\r\n", Reason::kBadAnswer, "status line"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(TransportTest, InterimAnswersAreSkippedHoweverTheyArrive) {
  const std::string bytes = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nx: y\r\n\r\n" + kGood;
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{25}, bytes.size()}) {
    const FakeKeyd keyd([&](int connection) {
      ReadRequest(connection);
      for (size_t at = 0; at < bytes.size(); at += piece) WriteAll(connection, bytes.substr(at, piece));
    });
    EXPECT_TRUE(Post(keyd).ok()) << piece;
  }
}

TEST(TransportTest, AnInterimAnswerAloneIsNoAnswer) {
  const FakeKeyd keyd([](int connection) {
    ReadRequest(connection);
    WriteAll(connection, "HTTP/1.1 100 Continue\r\n\r\n");
  });
  EXPECT_EQ(Post(keyd).failure().reason, Reason::kBadAnswer);
}

TEST(TransportTest, AnAnswerThatComesBeforeTheRequestWasReadCounts) {
  const FakeKeyd keyd([](int connection) {
    WriteAll(connection, FormatAnswer(413, "{\"message\":\"too large\"}"));
    shutdown(connection, SHUT_RD);
    char buffer[256];
    while (recv(connection, buffer, sizeof buffer, MSG_DONTWAIT) > 0) {
    }
  });
  const std::string body(8'000'000, ' ');  // more than the socket's buffer holds
  const Result<std::string> answer = Call(EndpointOf(keyd.socket_path()), "POST", "/sign", body);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.failure().text, "POST /sign: keyd refused with status 413: too large");
}

// What a restart without socket activation looks like: the file is there, nobody listens.
TEST(TransportTest, ARefusedConnectionIsTriedAgain) {
  char name[] = "/tmp/transport_test_XXXXXX";
  const std::string path = std::string(mkdtemp(name)) + "/s";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(Call(EndpointOf(path), "POST", "/sign", "{}").failure().reason, Reason::kUnreachable);

  Endpoint patient = EndpointOf(path);
  patient.max_retries = 1'000'000;
  std::thread late([&] {
    ASSERT_EQ(listen(listener, 4), 0);
    const int connection = accept(listener, nullptr, nullptr);
    ReadRequest(connection);
    WriteAll(connection, kGood);
    close(connection);
  });
  const Result<std::string> body = Call(patient, "POST", "/sign", "{}");
  EXPECT_TRUE(body.ok()) << body.failure().text;
  late.join();
  close(listener);
  unlink(path.c_str());
  rmdir(name);
}

TEST(TransportTest, ThePausesGrowAndAreNotAllTheSame) {
  std::vector<std::chrono::steady_clock::time_point> starts;
  {
    const FakeKeyd keyd([&](int) { starts.push_back(std::chrono::steady_clock::now()); });
    Endpoint endpoint = EndpointOf(keyd.socket_path());
    endpoint.first_pause = milliseconds(8);
    EXPECT_EQ(Call(endpoint, "POST", "/sign", "{}").failure().reason, Reason::kUnreachable);
  }
  ASSERT_EQ(starts.size(), 6u);
  // Never before half of 8, 16, 32, 64, 128 ms; later only when the machine is busy.
  for (size_t i = 1; i < starts.size(); ++i) {
    EXPECT_GE(starts[i] - starts[i - 1], milliseconds(4 << (i - 1)) - milliseconds(1)) << i;
  }
}

TEST(TransportTest, NoDescriptorIsLeftToAChild) {
  std::set<int> before;  // whatever the test's own parent left open
  for (int fd = 3; fd < 256; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) before.insert(fd);
  }
  bool all_close = true;
  int sockets = 0;
  const FakeKeyd keyd([&](int connection) {
    ReadRequest(connection);
    for (int fd = 3; fd < 256; ++fd) {
      struct stat about {};
      if (before.count(fd) != 0 || fstat(fd, &about) != 0 || !S_ISSOCK(about.st_mode)) continue;
      ++sockets;
      all_close = all_close && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
    }
    WriteAll(connection, kGood);
  });
  EXPECT_TRUE(Post(keyd).ok());
  EXPECT_TRUE(all_close);
  EXPECT_GE(sockets, 3);  // listener, its connection, and ours
}

TEST(TransportTest, CallsOfManyThreadsDoNotMix) {
  const FakeKeyd keyd([](int connection) {
    const std::string request = ReadRequest(connection);
    WriteAll(connection, FormatAnswer(200, request.substr(request.find("\r\n\r\n") + 4)));
  });
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 20; ++j) {
        const std::string text = "{\"value\":\"" + std::to_string(i * 100 + j) + "\"}";
        const Result<std::string> body = Call(EndpointOf(keyd.socket_path()), "POST", "/sign", text);
        right += body.ok() && *body == text;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 320);
}

TEST(TransportTest, CertdIsCalledByItsName) {
  std::string request;
  const FakeKeyd certd([&](int connection) {
    request = ReadRequest(connection);
    WriteAll(connection, FormatAnswer(400, "{}"));
  });
  Endpoint endpoint = EndpointOf(certd.socket_path());
  endpoint.peer = "certd";
  EXPECT_EQ(Call(endpoint, "GET", "/certificates/a", "").failure().text,
            "GET /certificates/a: certd refused with status 400");
  EXPECT_EQ(request, "GET /certificates/a?api-version=2021-05-01 HTTP/1.1\r\nHost: certd.sock\r\n\r\n");
}

}  // namespace
}  // namespace aziot::openssl_engine
