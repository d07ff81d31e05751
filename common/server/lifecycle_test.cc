// Signals, socket activation, reload, and what the service manager hears: each in a child process of its own, because
// signals and the environment belong to the process.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/net/unix_socket.h"
#include "common/server/config_watch.h"
#include "common/server/test_server.h"

namespace aziot::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// A server in a child process; what its reload writes arrives here as one byte each.
class ChildServer {
 public:
  // `before` runs in the child, before the server is made.
  explicit ChildServer(std::function<void()> before = nullptr, std::vector<std::string> watched = {}) {
    int pipe_fds[2];
    if (pipe(pipe_fds) != 0) std::abort();
    reloads_ = net::UniqueFd(pipe_fds[0]);
    child_ = fork();
    if (child_ != 0) {
      close(pipe_fds[1]);
      return;
    }
    if (before != nullptr) before();
    rpc::Dispatcher dispatcher;
    TestKeys keys(dispatcher);
    Options options;
    options.name = "keyd";
    options.socket = socket();
    options.watched = std::move(watched);
    options.reload = [out = pipe_fds[1]] {
      if (write(out, "r", 1) != 1) std::abort();
    };
    auto server = Server::New(std::move(options), dispatcher);
    _exit(ExitCode(server.ok() ? (*server)->Run() : server.status()));
  }
  ~ChildServer() {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
  }

  std::string socket() const { return directory_.Join("keyd.sock"); }
  void Signal(int signal) const { kill(child_, signal); }
  bool AwaitReload() const {
    pollfd polled{.fd = reloads_.get(), .events = POLLIN};
    char byte;
    return poll(&polled, 1, 30'000) == 1 && read(reloads_.get(), &byte, 1) == 1;
  }
  // The exit code; 128 + signal when it was killed.
  int Wait() {
    int status = 0;
    waitpid(std::exchange(child_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  // Waits until it listens, and asks it once.
  std::string Ask() const {
    for (int i = 0; i < 300; ++i) {
      RawClient client(socket());
      if (client.Send(GetKeyRequestText("a"))) return client.ReadAnswer();
      usleep(100'000);
    }
    return "";
  }

 private:
  testing::TempDir directory_;
  net::UniqueFd reloads_;
  pid_t child_ = -1;
};

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
  EXPECT_TRUE(server.AwaitReload());
  server.Signal(SIGPIPE);
  EXPECT_THAT(server.Ask(), StartsWith("HTTP/1.1 200 "));
}

TEST(ReloadTest, AChangedFileReloads) {
  const testing::TempDir directory;
  const std::string file = directory.Join("config.toml");
  ChildServer server([] { setenv("AZIOT_RELOAD_DEBOUNCE_MS", "20", 1); }, {file, directory.Join("config.d")});
  EXPECT_THAT(server.Ask(), StartsWith("HTTP/1.1 200 "));
  std::ofstream(file) << "a = 1\n";
  EXPECT_TRUE(server.AwaitReload());
}

TEST(ActivationTest, TakesThePassedSocketAndServesWhoWaitsThere) {
  const testing::TempDir directory;
  const std::string path = directory.Join("passed.sock");
  auto listener = net::ListenUnix(path);
  ASSERT_TRUE(listener.ok()) << listener.status();
  RawClient early(path);
  ASSERT_TRUE(early.Send(GetKeyRequestText("early")));
  ChildServer server([&listener] {
    dup2(listener->get(), 3);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_PID", absl::StrCat(getpid()).c_str(), 1);
  });
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
  ChildServer server([&path] { setenv("NOTIFY_SOCKET", path.c_str(), 1); });
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

TEST_F(ConfigWatchTest, ANeighbourIsNoChange) {
  auto watch = ConfigWatch::New({directory_.Join("config.toml")});
  ASSERT_TRUE(watch.ok());
  std::ofstream(directory_.Join("other.toml")) << "a = 1\n";
  EXPECT_FALSE(watch->Changed());
}

}  // namespace
}  // namespace aziot::server
