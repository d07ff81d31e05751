// Signals, socket activation, reload, and what the service manager hears: each in a child process of its own,
// because signals and the environment belong to the process.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/net/unix_socket.h"
#include "common/server/config_watch.h"
#include "common/server/test_child.h"
#include "common/server/test_grpc_client.h"
#include "common/server/test_server.h"

namespace aziot::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(SignalTest, TermAndIntEndItInGoodOrder) {
  for (const int signal : {SIGTERM, SIGINT}) {
    ChildServer server;
    EXPECT_THAT(server.Ask(), StartsWith("HTTP/1.1 200 "));
    server.Signal(signal);
    EXPECT_EQ(server.Wait(), 0);
  }
}

TEST(SignalTest, HupReloadsAndEndsNothing) {
  ChildServer server;
  EXPECT_THAT(server.Ask(), StartsWith("HTTP/1.1 200 "));
  server.Signal(SIGHUP);
  EXPECT_TRUE(server.AwaitByte());
  server.Signal(SIGPIPE);
  EXPECT_THAT(server.Ask(), StartsWith("HTTP/1.1 200 "));
}

TEST(DrainTest, ACallThatNeverEndsIsCutOffOnBothFronts) {
  const std::vector<std::string> words = {"drain=100", "module=" + GrpcModule()};
  {
    ChildServer server(words);
    EXPECT_THAT(server.Ask(), StartsWith("HTTP/1.1 200 "));
    RawClient rest(server.socket());
    ASSERT_TRUE(rest.Send(GetKeyRequestText("stuck")));
    ASSERT_TRUE(server.AwaitByte());
    server.Signal(SIGTERM);
    EXPECT_EQ(server.Wait(), 1);
  }
  ChildServer server(words);
  EXPECT_THAT(server.Ask(), StartsWith("HTTP/1.1 200 "));
  GrpcClient grpc(server.socket(), "get stuck");
  EXPECT_TRUE(server.AwaitByte());
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 1);
}

class DescriptorTest : public ::testing::Test {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP()
        << "UBSan asks a pipe whether an object can be read: without descriptors it takes each for one of "
           "a wrong type";
#endif
  }
};

// Descriptors run out long before a uid has its bound of connections.
TEST_F(DescriptorTest, AProcessWithoutFreeOnesStaysUpAndServesAgain) {
  constexpr int kFiles = 64;
  // accept4 takes a descriptor before it looks for a connection: meanwhile another reactor can find none
  // free, and turn a connection away, although the first gives its own back. The reserve may be gone, too.
  constexpr int kPerhapsFree = 2;
  ChildServer server({}, [] {
    while (open("/dev/null", O_RDONLY) < kFiles - 20) {
    }
    const rlimit files{.rlim_cur = kFiles, .rlim_max = kFiles};
    setrlimit(RLIMIT_NOFILE, &files);
  });
  EXPECT_THAT(server.Ask(), StartsWith("HTTP/1.1 200 "));
  for (int round = 0; round < 2; ++round) {
    std::vector<std::unique_ptr<RawClient>> held;
    int tries = 0;
    // What was accepted ends by its deadline when this thread is too slow to see it, so more come.
    for (; server.OpenFiles() < kFiles - kPerhapsFree && tries < 10'000; ++tries) {
      if (tries % 1000 == 0) {
        for (int i = 0; i < 30; ++i) held.push_back(std::make_unique<RawClient>(server.socket()));
      }
      usleep(1000);
    }
    EXPECT_LT(tries, 10'000) << server.OpenFiles();
    held.clear();
    std::string answer;
    for (tries = 0; answer.empty() && tries < 1000; ++tries) {
      answer = server.Ask();
      if (answer.empty()) usleep(10'000);
    }
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  }
}

TEST_F(DescriptorTest, GrpcConnectionsOfOneUserLeaveSomeForOthers) {
  ChildServer server({"module=" + GrpcModule()}, [] {
    const rlimit files{.rlim_cur = 128, .rlim_max = 128};
    setrlimit(RLIMIT_NOFILE, &files);
  });
  EXPECT_THAT(server.Ask(), StartsWith("HTTP/1.1 200 "));
  std::vector<std::unique_ptr<RawClient>> held;
  for (int i = 0; i < 40; ++i) {
    held.push_back(std::make_unique<RawClient>(server.socket()));
    held.back()->Send(absl::string_view("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33));
    held.back()->ReadOnce();  // its settings, or the end
  }
  EXPECT_LT(server.OpenFiles(), 120);
  EXPECT_THAT(server.Ask(), StartsWith("HTTP/1.1 200 "));
  held.clear();
  RawClient probe(server.socket());
  ASSERT_TRUE(AwaitConnections(probe, 1));
  EXPECT_EQ(GrpcClient(server.socket(), "get a").Line(), "a");
}

TEST(ReloadTest, AChangedFileReloads) {
  const testing::TempDir directory;
  const std::string file = directory.Join("config.toml");
  ChildServer server({"watch=" + file, "watch=" + directory.Join("config.d")},
                     [] { setenv("AZIOT_RELOAD_DEBOUNCE_MS", "20", 1); });
  EXPECT_THAT(server.Ask(), StartsWith("HTTP/1.1 200 "));
  std::ofstream(file) << "a = 1\n";
  EXPECT_TRUE(server.AwaitByte());
}

// As the service manager does.
void PassOn(int listener) {
  if (listener == 3) {
    fcntl(3, F_SETFD, 0);
  } else {
    dup2(listener, 3);
  }
  setenv("LISTEN_FDS", "1", 1);
  setenv("LISTEN_PID", absl::StrCat(getpid()).c_str(), 1);
}

TEST(ActivationTest, ARestartLosesNoRequest) {
  const testing::TempDir directory;
  const std::string path = directory.Join("passed.sock");
  auto listener = net::ListenUnix(path);
  ASSERT_TRUE(listener.ok()) << listener.status();
  const auto start = [&] {
    return std::make_unique<ChildServer>(std::vector<std::string>(), [&] { PassOn(listener->get()); });
  };
  std::atomic<bool> over{false};
  std::atomic<int> answered{0}, failed{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      while (!over) {
        RawClient client(path);
        const bool ok =
            client.Send(GetKeyRequestText("a")) && absl::StartsWith(client.ReadAnswer(), "HTTP/1.1 200 ");
        ++(ok ? answered : failed);
      }
    });
  }
  std::unique_ptr<ChildServer> server = start();
  for (int restart = 0; restart < 3; ++restart) {
    const int before = answered;
    for (int i = 0; answered < before + 200 && i < 30'000; ++i) usleep(1000);
    EXPECT_GE(answered, before + 200);
    server->Signal(SIGTERM);
    EXPECT_EQ(server->Wait(), 0);
    server = start();
  }
  over = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(failed, 0);
}

TEST(ActivationTest, TakesThePassedSocketAndServesWhoWaitsThere) {
  const testing::TempDir directory;
  const std::string path = directory.Join("passed.sock");
  auto listener = net::ListenUnix(path);
  ASSERT_TRUE(listener.ok()) << listener.status();
  RawClient early(path);
  ASSERT_TRUE(early.Send(GetKeyRequestText("early")));
  ChildServer server({}, [&listener] { PassOn(listener->get()); });
  EXPECT_THAT(early.ReadAnswer(), HasSubstr("early"));
  EXPECT_NE(access(server.socket().c_str(), F_OK), 0) << "it must not bind a socket of its own";
}

TEST(ServiceManagerTest, HearsReadyAndStopping) {
  const testing::TempDir directory;
  const std::string path = directory.Join("notify");
  const net::UniqueFd notify(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(bind(notify.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const timeval patience{.tv_sec = 30};
  setsockopt(notify.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ChildServer server({}, [&path] { setenv("NOTIFY_SOCKET", path.c_str(), 1); });
  char text[64] = "";
  ASSERT_GT(recv(notify.get(), text, sizeof text - 1, 0), 0);
  EXPECT_STREQ(text, "READY=1");
  server.Signal(SIGTERM);
  std::memset(text, 0, sizeof text);
  ASSERT_GT(recv(notify.get(), text, sizeof text - 1, 0), 0);
  EXPECT_STREQ(text, "STOPPING=1");
  EXPECT_EQ(server.Wait(), 0);
}

class ConfigWatchTest : public ::testing::Test {
 protected:
  const testing::TempDir directory_;
};

TEST_F(ConfigWatchTest, ReadingIsNoChange) {
  const std::string file = directory_.Join("config.toml");
  std::ofstream(file) << "a = 1\n";
  auto watch = ConfigWatch::New({file});
  ASSERT_TRUE(watch.ok());
  std::string line;
  std::getline(std::ifstream(file) >> std::ws, line);
  EXPECT_FALSE(watch->Changed());
  std::ofstream(file) << "a = 2\n";
  EXPECT_TRUE(watch->Changed());
  EXPECT_FALSE(watch->Changed());
}

TEST_F(ConfigWatchTest, SeesReplacedFilesAndDirectoriesThatCome) {
  const std::string file = directory_.Join("keyd/config.toml"), drop_ins = directory_.Join("keyd/config.d");
  auto watch = ConfigWatch::New({file, drop_ins});
  ASSERT_TRUE(watch.ok());
  ASSERT_EQ(mkdir(directory_.Join("keyd").c_str(), 0755), 0);
  EXPECT_TRUE(watch->Changed());
  std::ofstream(directory_.Join("keyd/new")) << "a = 1\n";
  watch->Changed();
  ASSERT_EQ(rename(directory_.Join("keyd/new").c_str(), file.c_str()), 0);
  EXPECT_TRUE(watch->Changed());
  ASSERT_EQ(mkdir(drop_ins.c_str(), 0755), 0);
  EXPECT_TRUE(watch->Changed());
  std::ofstream(drop_ins + "/10-a.toml") << "a = 1\n";
  EXPECT_TRUE(watch->Changed());
}

TEST_F(ConfigWatchTest, SeesADirectoryThatWentAndCameBack) {
  const std::string place = directory_.Join("keyd"), file = place + "/config.toml";
  ASSERT_EQ(mkdir(place.c_str(), 0755), 0);
  std::ofstream(file) << "a = 1\n";
  auto watch = ConfigWatch::New({file});
  ASSERT_TRUE(watch.ok());
  ASSERT_EQ(unlink(file.c_str()), 0);
  EXPECT_TRUE(watch->Changed());
  ASSERT_EQ(rmdir(place.c_str()), 0);
  EXPECT_TRUE(watch->Changed());
  ASSERT_EQ(mkdir(place.c_str(), 0755), 0);
  EXPECT_TRUE(watch->Changed());
  std::ofstream(file) << "a = 2\n";
  EXPECT_TRUE(watch->Changed());
}

TEST_F(ConfigWatchTest, ANeighbourIsNoChange) {
  auto watch = ConfigWatch::New({directory_.Join("config.toml")});
  ASSERT_TRUE(watch.ok());
  std::ofstream(directory_.Join("other.toml")) << "a = 1\n";
  EXPECT_FALSE(watch->Changed());
}

}  // namespace
}  // namespace aziot::server
