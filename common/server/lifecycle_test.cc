// Signals, socket activation, reload, and what the service manager hears: each in a child process of its own,
// because signals and the environment belong to the process.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

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
  // `before` runs in the child, before the server is made. A key named "stuck" is never answered: its handler
  // writes one byte as a reload does, and hangs.
  explicit ChildServer(std::function<void()> before = nullptr, Options options = {}) {
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
    options.name = "keyd";
    options.socket = socket();
    options.reload = [out = pipe_fds[1]] {
      if (write(out, "r", 1) != 1) std::abort();
    };
    keys.get_key = [tell = options.reload, answer = keys.get_key](
                       const rpc::CallContext& call,
                       const std::string& id) -> absl::StatusOr<keys::v1::KeyHandle> {
      if (id != "stuck") return answer(call, id);
      if (absl::Status moved = call.MoveTo(Lane::Peers()); !moved.ok()) return moved;
      tell();
      while (true) pause();
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
  bool AwaitByte() const {
    pollfd polled{.fd = reloads_.get(), .events = POLLIN};
    char byte;
    return poll(&polled, 1, 30'000) == 1 && read(reloads_.get(), &byte, 1) == 1;
  }
  int OpenFiles() const {
    const std::filesystem::directory_iterator files(absl::StrCat("/proc/", child_, "/fd"));
    return static_cast<int>(std::distance(begin(files), end(files)));
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
  EXPECT_TRUE(server.AwaitByte());
  server.Signal(SIGPIPE);
  EXPECT_THAT(server.Ask(), StartsWith("HTTP/1.1 200 "));
}

TEST(DrainTest, ACallThatNeverEndsIsCutOffOnBothFronts) {
  Options options;
  options.drain = absl::Milliseconds(100);
  const char* directory = std::getenv("AZIOT_BUILD_DIR");
  const std::string build = directory != nullptr ? directory : ".";
  options.grpc_module = build + "/lib/aziot-identity-service/aziot_grpc.so";
  {
    ChildServer server(nullptr, options);
    EXPECT_THAT(server.Ask(), StartsWith("HTTP/1.1 200 "));
    RawClient rest(server.socket());
    ASSERT_TRUE(rest.Send(GetKeyRequestText("stuck")));
    ASSERT_TRUE(server.AwaitByte());
    server.Signal(SIGTERM);
    EXPECT_EQ(server.Wait(), 1);
  }
  ChildServer server(nullptr, options);
  EXPECT_THAT(server.Ask(), StartsWith("HTTP/1.1 200 "));
  FILE* grpc =
      popen(absl::StrCat(build, "/test/grpc_front_test_client ", server.socket(), " get stuck").c_str(), "r");
  EXPECT_TRUE(server.AwaitByte());
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 1);
  pclose(grpc);
}

// Descriptors run out long before a uid has its bound of connections.
TEST(DescriptorTest, AProcessWithoutFreeOnesStaysUpAndServesAgain) {
  constexpr int kFiles = 96;
  ChildServer server([] {
    while (open("/dev/null", O_RDONLY | O_CLOEXEC) < kFiles - 16) {
    }
    const rlimit files{.rlim_cur = kFiles, .rlim_max = kFiles};
    setrlimit(RLIMIT_NOFILE, &files);
  });
  EXPECT_THAT(server.Ask(), StartsWith("HTTP/1.1 200 "));
  for (int round = 0; round < 2; ++round) {
    std::vector<std::unique_ptr<RawClient>> held;
    for (int i = 0; i < 30; ++i) held.push_back(std::make_unique<RawClient>(server.socket()));
    while (server.OpenFiles() < kFiles) usleep(1000);
    held.clear();
    std::string answer;
    while ((answer = server.Ask()).empty()) usleep(10'000);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  }
}

TEST(ReloadTest, AChangedFileReloads) {
  const testing::TempDir directory;
  const std::string file = directory.Join("config.toml");
  Options options;
  options.watched = {file, directory.Join("config.d")};
  ChildServer server([] { setenv("AZIOT_RELOAD_DEBOUNCE_MS", "20", 1); }, options);
  EXPECT_THAT(server.Ask(), StartsWith("HTTP/1.1 200 "));
  std::ofstream(file) << "a = 1\n";
  EXPECT_TRUE(server.AwaitByte());
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
