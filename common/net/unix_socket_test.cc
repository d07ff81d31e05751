#include "common/net/unix_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/net/peer.h"

namespace aziot::net {
namespace {

class UnixSocketTest : public testing::Test {
 protected:
  UnixSocketTest() {
    char name[] = "/tmp/aziot-net-XXXXXX";
    directory_ = mkdtemp(name);
    path_ = directory_ + "/s.sock";
  }
  ~UnixSocketTest() override { std::filesystem::remove_all(directory_); }

  std::string directory_;
  std::string path_;
};

TEST_F(UnixSocketTest, ListensWithItsModeAndIsReached) {
  const auto listener = ListenUnix(path_);
  ASSERT_TRUE(listener.ok()) << listener.status();
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0660u);
  const auto connection = ConnectUnix(path_, absl::Seconds(5));
  ASSERT_TRUE(connection.ok()) << connection.status();
  EXPECT_NE(fcntl(connection->get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(fcntl(connection->get(), F_GETFD) & FD_CLOEXEC, 0);
  const UniqueFd accepted(accept(listener->get(), nullptr, nullptr));
  const auto peer = PeerOf(accepted.get());
  ASSERT_TRUE(peer.ok());
  EXPECT_EQ(peer->uid, geteuid());
  EXPECT_EQ(peer->gid, getegid());
  EXPECT_EQ(peer->pid, getpid());
}

TEST_F(UnixSocketTest, AForeignUidIsSeen) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become another uid";
  ASSERT_EQ(chmod(directory_.c_str(), 0755), 0);
  const auto listener = ListenUnix(path_, 0666);
  ASSERT_TRUE(listener.ok());
  const pid_t child = fork();
  if (child == 0) {
    if (setgid(64002) != 0 || setuid(64001) != 0) _exit(2);
    const auto connection = ConnectUnix(path_, absl::Seconds(5));
    char byte;
    if (connection.ok()) {
      fcntl(connection->get(), F_SETFL, 0);
      (void)!read(connection->get(), &byte, 1);
    }
    _exit(connection.ok() ? 0 : 1);
  }
  UniqueFd accepted(accept(listener->get(), nullptr, nullptr));
  const auto peer = PeerOf(accepted.get());
  accepted.reset();
  int result = 0;
  waitpid(child, &result, 0);
  EXPECT_EQ(result, 0);
  ASSERT_TRUE(peer.ok());
  EXPECT_EQ(peer->uid, 64001u);
  EXPECT_EQ(peer->gid, 64002u);
  EXPECT_EQ(peer->pid, child);
}

TEST_F(UnixSocketTest, WhatHasNoPeerIsAnError) {
  const UniqueFd file(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(PeerOf(file.get()).status().code(), absl::StatusCode::kInternal);
  const UniqueFd tcp(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(PeerOf(tcp.get()).status().code(), absl::StatusCode::kInternal);
}

TEST_F(UnixSocketTest, AStaleSocketIsReplacedALiveOneIsNot) {
  {
    const auto dead = ListenUnix(path_);
    ASSERT_TRUE(dead.ok());
  }
  ASSERT_TRUE(std::filesystem::exists(path_));
  const auto live = ListenUnix(path_);
  ASSERT_TRUE(live.ok()) << live.status();
  EXPECT_EQ(ListenUnix(path_).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(ConnectUnix(path_, absl::Seconds(5)).ok());
}

TEST_F(UnixSocketTest, WhatHoldsNothingMakesWay) {
  const std::string outside = directory_ + "/outside";
  std::ofstream(outside) << "precious";
  std::filesystem::create_directories(path_ + "/inside");
  EXPECT_FALSE(ListenUnix(path_).ok());
  EXPECT_TRUE(std::filesystem::exists(path_ + "/inside"));
  std::filesystem::remove(path_ + "/inside");
  EXPECT_TRUE(ListenUnix(path_).ok());
  EXPECT_TRUE(std::filesystem::is_socket(path_));

  const std::string file = directory_ + "/file";
  std::ofstream(file) << "left over";
  EXPECT_TRUE(ListenUnix(file).ok());
  EXPECT_TRUE(std::filesystem::is_socket(file));

  const std::string link = directory_ + "/link";
  std::filesystem::create_symlink(outside, link);
  EXPECT_TRUE(ListenUnix(link).ok());
  EXPECT_EQ(std::filesystem::file_size(outside), 8u);
}

TEST_F(UnixSocketTest, PathsHave1To107Bytes) {
  EXPECT_EQ(ListenUnix("").status().code(), absl::StatusCode::kInvalidArgument);
  const std::string fits = absl::StrCat(directory_, "/", std::string(107 - directory_.size() - 1, 's'));
  EXPECT_TRUE(ListenUnix(fits).ok());
  EXPECT_EQ(ListenUnix(fits + "s").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ConnectUnix(fits + "s", absl::Seconds(1)).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(UnixSocketTest, NobodyThereIsUnavailable) {
  EXPECT_EQ(ConnectUnix(path_, absl::Seconds(1)).status().code(), absl::StatusCode::kUnavailable);
  { const auto dead = ListenUnix(path_); }
  EXPECT_EQ(ConnectUnix(path_, absl::Seconds(1)).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(UnixSocketTest, AFullBacklogIsADeadline) {
  const auto listener = ListenUnix(path_);
  ASSERT_TRUE(listener.ok());
  ASSERT_EQ(listen(listener->get(), 0), 0);
  std::vector<UniqueFd> waiting;
  absl::Status last = absl::OkStatus();
  for (int i = 0; i < 4 && last.ok(); ++i) {
    auto connection = ConnectUnix(path_, absl::Milliseconds(20));
    last = connection.status();
    if (connection.ok()) waiting.push_back(*std::move(connection));
  }
  EXPECT_EQ(last.code(), absl::StatusCode::kDeadlineExceeded);
}

// Runs `Check` in a child whose environment and descriptor 3 are as a service manager leaves them.
template <class Check>
int InActivatedChild(int fd, const char* count, bool own_pid, Check check) {
  const pid_t child = fork();
  if (child == 0) {
    if (fd >= 0 && dup2(fd, 3) != 3) _exit(90);
    setenv("LISTEN_PID", absl::StrCat(own_pid ? getpid() : getppid()).c_str(), 1);
    setenv("LISTEN_FDS", count, 1);
    _exit(check());
  }
  int result = -1;
  waitpid(child, &result, 0);
  return WIFEXITED(result) ? WEXITSTATUS(result) : -1;
}

int Taken() {
  const auto fd = ActivatedSocket();
  if (!fd.ok()) return fd.status().code() == absl::StatusCode::kInvalidArgument ? 3 : 4;
  if (!*fd) return 0;
  return fd->get() == 3 && (fcntl(3, F_GETFD) & FD_CLOEXEC) != 0 ? 1 : 5;
}

TEST_F(UnixSocketTest, OnePassedListenerIsTaken) {
  const auto listener = ListenUnix(path_);
  ASSERT_TRUE(listener.ok());
  EXPECT_EQ(InActivatedChild(listener->get(), "1", true, Taken), 1);
  EXPECT_EQ(InActivatedChild(listener->get(), "1", false, Taken), 0);
  EXPECT_EQ(InActivatedChild(listener->get(), "0", true, Taken), 0);
  EXPECT_EQ(InActivatedChild(listener->get(), "two", true, Taken), 0);
}

TEST_F(UnixSocketTest, SeveralPassedListenersAreNotTakenButClosedOnExec) {
  const auto listener = ListenUnix(path_);
  ASSERT_TRUE(listener.ok());
  EXPECT_EQ(InActivatedChild(listener->get(), "2", true,
                             [] {
                               const auto fd = ActivatedSocket();
                               return fd.ok() && !*fd && (fcntl(3, F_GETFD) & FD_CLOEXEC) != 0 ? 1 : 0;
                             }),
            1);
}

TEST_F(UnixSocketTest, APassedDescriptorThatDoesNotListenIsRefused) {
  const UniqueFd idle(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(InActivatedChild(idle.get(), "1", true, Taken), 3);
}

}  // namespace
}  // namespace aziot::net
