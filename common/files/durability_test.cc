// The order in which Replace, Rename and Remove ask the kernel to make things durable. The system calls that
// matter are defined here, before libc's: they write a line and go on to the kernel.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"

namespace {

std::vector<std::string>* recorded = nullptr;
int fsync_error = 0;            // of files
int directory_fsync_error = 0;  // of directories

// A random temporary name is recorded as "TEMP".
void Record(absl::string_view what, absl::string_view name) {
  if (recorded == nullptr) return;
  recorded->push_back(absl::StrCat(what, " ", absl::StrContains(name, ".tmp-") ? "TEMP" : name));
}

std::string NameOf(int fd) {
  std::error_code ignored;
  return std::filesystem::read_symlink(absl::StrCat("/proc/self/fd/", fd), ignored).filename();
}

}  // namespace

extern "C" int fsync(int fd) {
  struct stat info;
  const bool is_directory = fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
  Record("sync", is_directory ? "DIRECTORY" : NameOf(fd));
  if (const int error = is_directory ? directory_fsync_error : fsync_error; error != 0) {
    errno = error;
    return -1;
  }
  return static_cast<int>(syscall(SYS_fsync, fd));
}

extern "C" int renameat(int from_dir, const char* from, int to_dir, const char* to) noexcept {
  Record("rename", from);
  return static_cast<int>(syscall(SYS_renameat2, from_dir, from, to_dir, to, 0));
}

extern "C" int unlinkat(int dir, const char* name, int flags) noexcept {
  Record("unlink", name);
  return static_cast<int>(syscall(SYS_unlinkat, dir, name, flags));
}

extern "C" int fchmod(int fd, mode_t mode) noexcept {
  struct stat info;
  Record(fstat(fd, &info) == 0 && info.st_size == 0 ? "chmod empty" : "chmod written", NameOf(fd));
  return static_cast<int>(syscall(SYS_fchmod, fd, mode));
}

namespace aziot::files {
namespace {

using ::aziot::testing::IsOk;
using ::aziot::testing::IsOkAndHolds;
using ::aziot::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DurabilityTest : public ::testing::Test {
 protected:
  DurabilityTest() { recorded = &calls_; }
  ~DurabilityTest() override {
    recorded = nullptr;
    fsync_error = 0;
    directory_fsync_error = 0;
  }

  testing::TempDir dir_;
  std::vector<std::string> calls_;
};

TEST_F(DurabilityTest, ReplaceSyncsTheContentBeforeTheNameAndTheNameBeforeItReturns) {
  ASSERT_THAT(Replace(dir_.Join("key"), "content", 0600), IsOk());
  EXPECT_THAT(calls_, ElementsAre("chmod empty TEMP", "sync TEMP", "rename TEMP", "sync DIRECTORY"));
}

TEST_F(DurabilityTest, AFailedSyncKeepsTheOldFile) {
  ASSERT_THAT(Replace(dir_.Join("key"), "old", 0600), IsOk());
  calls_.clear();
  fsync_error = EIO;
  EXPECT_THAT(Replace(dir_.Join("key"), "new", 0600),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("EIO")));
  EXPECT_THAT(calls_, ElementsAre("chmod empty TEMP", "sync TEMP", "unlink TEMP"));
  EXPECT_THAT(Read(dir_.Join("key")), IsOkAndHolds(std::string("old")));
  EXPECT_THAT(List(dir_.path()), IsOkAndHolds(ElementsAre("key")));
  fsync_error = ENOSPC;
  EXPECT_THAT(Replace(dir_.Join("key"), "new", 0600), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(DurabilityTest, RenameAndRemoveSyncTheDirectories) {
  ASSERT_THAT(Replace(dir_.Join("a"), "", 0600), IsOk());
  ASSERT_THAT(MakeDirectory(dir_.Join("d"), 0700), IsOk());
  calls_.clear();
  ASSERT_THAT(Rename(dir_.Join("a"), dir_.Join("b")), IsOk());
  EXPECT_THAT(calls_, ElementsAre("rename a", "sync DIRECTORY"));
  calls_.clear();
  ASSERT_THAT(Rename(dir_.Join("b"), dir_.Join("d/b")), IsOk());
  EXPECT_THAT(calls_, ElementsAre("rename b", "sync DIRECTORY", "sync DIRECTORY"));
  calls_.clear();
  ASSERT_THAT(Remove(dir_.Join("d/b")), IsOk());
  EXPECT_THAT(calls_, ElementsAre("unlink b", "sync DIRECTORY"));
}

TEST_F(DurabilityTest, AFailedSyncOfTheDirectoryIsDataLoss) {
  const auto is_data_loss = StatusIs(absl::StatusCode::kDataLoss, HasSubstr("EIO"));
  ASSERT_THAT(Replace(dir_.Join("a"), "old", 0600), IsOk());
  directory_fsync_error = EIO;
  EXPECT_THAT(Replace(dir_.Join("a"), "new", 0600), is_data_loss);
  EXPECT_THAT(Read(dir_.Join("a")), IsOkAndHolds(std::string("new")));
  EXPECT_THAT(Rename(dir_.Join("a"), dir_.Join("b")), is_data_loss);
  EXPECT_THAT(Remove(dir_.Join("b")), is_data_loss);
  EXPECT_THAT(List(dir_.path()), IsOkAndHolds(ElementsAre()));
}

TEST_F(DurabilityTest, ARepeatedRemoveSyncsWhatTheFirstCouldNot) {
  ASSERT_THAT(Replace(dir_.Join("a"), "", 0600), IsOk());
  directory_fsync_error = EIO;
  ASSERT_THAT(Remove(dir_.Join("a")), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Remove(dir_.Join("a")), StatusIs(absl::StatusCode::kDataLoss));
  directory_fsync_error = 0;
  calls_.clear();
  EXPECT_THAT(Remove(dir_.Join("a")), IsOk());
  EXPECT_THAT(calls_, ElementsAre("unlink a", "sync DIRECTORY"));
}

TEST_F(DurabilityTest, ARepeatedMakeDirectoryMakesItWhole) {
  directory_fsync_error = EIO;
  EXPECT_THAT(MakeDirectory(dir_.Join("d"), 0700), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_FALSE(Exists(dir_.Join("d")));
  directory_fsync_error = 0;
  calls_.clear();
  EXPECT_THAT(MakeDirectory(dir_.Join("d"), 0700), IsOk());
  ASSERT_EQ(calls_.size(), 2u);
  EXPECT_EQ(calls_.back(), "sync DIRECTORY");
}

}  // namespace
}  // namespace aziot::files
