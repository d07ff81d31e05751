// More than a client may ask for: connections that say nothing, bodies and headers without end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/server/test_child.h"
#include "common/server/test_server.h"

namespace aziot::server {
namespace {

using ::testing::StartsWith;

// A sanitizer's allocator keeps what was freed for a while.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMemoryIsOurs = false;
#else
constexpr bool kMemoryIsOurs = true;
#endif

int FromEnvironment(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::atoi(text) : otherwise;
}

// In a child process, so system calls only: as another user opens `count` connections and sends a byte a
// second on each, so that no header is ever whole; `rounds` of them. Then asks as it should until it is
// answered.
[[noreturn]] void BeSlow(const std::string& socket_path, const std::vector<int>& fds, int rounds, int tell,
                         const std::string& request) {
  alarm(90);  // whatever happens, the test must not wait for good
  if (setgid(64001) != 0 || setuid(64001) != 0) _exit(1);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket_path.c_str(), sizeof address.sun_path - 1);
  const auto connect_one = [&](int fd) {
    return connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  };
  for (const int fd : fds) connect_one(fd);
  for (int round = 0; round < rounds; ++round) {
    for (const int fd : fds) send(fd, "G", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (round == 0 && write(tell, "s", 1) != 1) _exit(1);
    sleep(1);
  }
  char answer[64];
  for (int i = 0; i < 200; ++i) {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect_one(fd) && send(fd, request.data(), request.size(), MSG_NOSIGNAL) > 0 &&
        recv(fd, answer, sizeof answer, 0) > 12 && std::memcmp(answer, "HTTP/1.1 200", 12) == 0) {
      _exit(write(tell, "a", 1) == 1 ? 0 : 1);
    }
    close(fd);
    usleep(100'000);
  }
  _exit(1);
}

absl::Duration NinetyNinth(std::vector<absl::Duration> times) {
  std::sort(times.begin(), times.end());
  return times[times.size() * 99 / 100];
}

TEST(SlowClientsTest, AreCutOffAndNobodyElseFeelsThem) {
  if (geteuid() != 0) GTEST_SKIP() << "only root may become another user";
  const int count = FromEnvironment("AZIOT_SLOW_CONNECTIONS", 200);
  Options options;
  options.limits.set_header_seconds(1);
  options.limits.set_connections_per_uid(static_cast<uint32_t>(std::clamp(count / 2, 1, 1024)));
  TestServer server(options);
  server.AllowEveryone();
  RawClient other(server.socket());
  const auto times = [&](int calls) {
    std::vector<absl::Duration> taken;
    for (int i = 0; i < calls; ++i) {
      const absl::Time begin = absl::Now();
      EXPECT_TRUE(other.Send(GetKeyRequestText("a")));
      EXPECT_THAT(other.ReadAnswer(), StartsWith("HTTP/1.1 200 "));
      taken.push_back(absl::Now() - begin);
    }
    return NinetyNinth(std::move(taken));
  };
  const absl::Duration alone = times(500);

  int tell[2];
  ASSERT_EQ(pipe(tell), 0);
  std::vector<int> fds;
  for (int i = 0; i < count; ++i) fds.push_back(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const std::string path = server.socket(), request = GetKeyRequestText("a");
  const pid_t slow = fork();
  if (slow == 0) BeSlow(path, fds, 3, tell[1], request);
  for (const int fd : fds) close(fd);
  close(tell[1]);
  char said;
  ASSERT_EQ(read(tell[0], &said, 1), 1);
  const absl::Duration beside = times(500);
  RawClient newcomer(server.socket());
  ASSERT_TRUE(newcomer.Send(GetKeyRequestText("b")));
  EXPECT_THAT(newcomer.ReadAnswer(), StartsWith("HTTP/1.1 200 "));
  // The slow one is cut off in time and then served as anybody.
  EXPECT_EQ(read(tell[0], &said, 1), 1);
  int status = -1;
  waitpid(slow, &status, 0);
  EXPECT_EQ(status, 0);
  close(tell[0]);
  RecordProperty("p99_alone", absl::FormatDuration(alone));
  RecordProperty("p99_beside", absl::FormatDuration(beside));
}

TEST(OversizeTest, MemoryIsBoundedByWhatIsInFlight) {
  constexpr int64_t kClients = 64, kBodyKiB = 256;
  ChildServer server;
  ASSERT_THAT(server.Ask(), StartsWith("HTTP/1.1 200 "));
  const int64_t before = server.Status("VmHWM");
  // Chunked, so that the size is not known before it is too large; and one byte short of that, so that it
  // stays.
  const std::string head = "POST /key?api-version=2020-09-01 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
  const std::string chunk = absl::StrCat("8000\r\n", std::string(0x8000, 'x'), "\r\n");
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int64_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.socket()));
    ASSERT_TRUE(clients.back()->Send(head));
    for (int piece = 0; piece < 8; ++piece) ASSERT_TRUE(clients.back()->Send(chunk));
  }
  for (const auto& client : clients) {
    client->Send(chunk);
    client->Send(std::string(1 << 20, 'y'));  // what is refused is not kept
    EXPECT_THAT(client->ReadAnswer(), StartsWith("HTTP/1.1 413 "));
  }
  const int64_t grown = server.Status("VmHWM") - before;
  RecordProperty("grown_kib", std::to_string(grown));
  // Beside the bodies: a buffer that doubles as it grows may hold twice what it needs while it is copied.
  if (kMemoryIsOurs) {
    EXPECT_LE(grown, kClients * kBodyKiB * 3 / 2) << "KiB";
  }
  EXPECT_THAT(server.Ask(), StartsWith("HTTP/1.1 200 "));
}

TEST(OversizeTest, AHeaderWithoutEndIsRefusedBeforeItIsKept) {
  constexpr int64_t kClients = 64;
  ChildServer server;
  ASSERT_THAT(server.Ask(), StartsWith("HTTP/1.1 200 "));
  const int64_t before = server.Status("VmHWM");
  for (int64_t i = 0; i < kClients; ++i) {
    RawClient client(server.socket());
    client.Send("GET /key/a?api-version=2020-09-01 HTTP/1.1\r\nx: " + std::string(1 << 20, 'y'));
    EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 431 "));
  }
  if (kMemoryIsOurs) {
    EXPECT_LE(server.Status("VmHWM") - before, 4096) << "KiB";
  }
}

// What memory is refused for ends a request or its connection; everything else is as before.
TEST(ScarcityTest, NothingEndsAndNothingIsLost) {
  ChildServer server({"requests=2"});
  ASSERT_THAT(server.Ask(), StartsWith("HTTP/1.1 200 "));
  server.Signal(SIGUSR1);
  std::vector<std::thread> callers;
  std::atomic<int> answered{0};
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&server, &answered, i] {
      for (int j = 0; j < FromEnvironment("AZIOT_SCARCE_REQUESTS", 1000); ++j) {
        RawClient client(server.socket());
        if (!client.Send(GetKeyRequestText(j % 2 == i % 2 ? "far" : "near"))) continue;
        if (j % 10 == 0) client.Close();
        const std::string answer = client.ReadAnswer();
        if (absl::StartsWith(answer, "HTTP/1.1 200 ")) ++answered;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  server.Signal(SIGUSR2);
  RecordProperty("answered", answered);
  // Turns and places have all come back: otherwise two lost ones would hold up everything.
  RawClient client(server.socket());
  ASSERT_TRUE(AwaitConnections(client, 1));
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(client.Send(GetKeyRequestText(i % 2 == 0 ? "far" : "near")));
    EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200 "));
  }
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
}

}  // namespace
}  // namespace aziot::server
