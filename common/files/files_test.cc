#include "common/files/files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"

namespace aziot::files {
namespace {

using ::aziot::testing::IsOk;
using ::aziot::testing::IsOkAndHolds;
using ::aziot::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

mode_t ModeOf(const std::string& path) {
  struct stat info;
  return lstat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

class FilesTest : public ::testing::Test {
 protected:
  FilesTest() : umask_(umask(0)) { umask(umask_); }
  ~FilesTest() override { umask(umask_); }

  testing::TempDir dir_;
  const std::string path_ = dir_.Join("file");

 private:
  mode_t umask_;
};

TEST_F(FilesTest, ReadsWhatWasWritten) {
  const std::string content("a\0b\n", 4);
  ASSERT_THAT(Replace(path_, content, 0600), IsOk());
  EXPECT_THAT(Read(path_), IsOkAndHolds(content));
  ASSERT_THAT(Replace(path_, "", 0600), IsOk());
  EXPECT_THAT(Read(path_), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(List(dir_.path()), IsOkAndHolds(ElementsAre("file")));
}

TEST_F(FilesTest, ReadsSecretsOfAnySize) {
  for (const size_t size : {0, 1, 32, 5000}) {
    const std::string content(size, 'k');
    ASSERT_THAT(Replace(path_, content, 0600), IsOk());
    const absl::StatusOr<Secret> secret = ReadSecret(path_);
    ASSERT_THAT(secret, IsOk());
    EXPECT_EQ(secret->ExposeText(), content);
  }
}

TEST_F(FilesTest, ReadsFilesWhoseSizeTheKernelDoesNotKnow) {
  const absl::StatusOr<std::string> text = Read("/proc/self/limits");
  ASSERT_THAT(text, IsOk());
  EXPECT_GT(text->size(), 100u);
  const absl::StatusOr<Secret> secret = ReadSecret("/proc/self/limits");
  ASSERT_THAT(secret, IsOk());
  EXPECT_EQ(secret->ExposeText(), *text);
  EXPECT_THAT(Read("/proc/self/limits", 100), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(ReadSecret("/proc/self/limits", 100), StatusIs(absl::StatusCode::kOutOfRange));
}

TEST_F(FilesTest, TheLimitIsTheLargestSizeAllowed) {
  ASSERT_THAT(Replace(path_, "12345", 0600), IsOk());
  EXPECT_THAT(Read(path_, 5), IsOkAndHolds(std::string("12345")));
  EXPECT_THAT(Read(path_, 4), StatusIs(absl::StatusCode::kOutOfRange, HasSubstr(path_)));
  EXPECT_THAT(ReadSecret(path_, 5), IsOk());
  EXPECT_THAT(ReadSecret(path_, 4), StatusIs(absl::StatusCode::kOutOfRange));
}

TEST_F(FilesTest, RefusesWhatIsNoRegularFile) {
  EXPECT_THAT(Read(path_), StatusIs(absl::StatusCode::kNotFound, HasSubstr("ENOENT")));
  EXPECT_THAT(Read(dir_.path()), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(ReadSecret(dir_.path()), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(Read(path_), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Read("/dev/null"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Read(absl::string_view("/etc/passwd\0x", 13)), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(FilesTest, TheModeIsTheOneAskedForWhateverTheUmask) {
  umask(0777);
  ASSERT_THAT(Replace(path_, "a", 0644), IsOk());
  EXPECT_EQ(ModeOf(path_), 0644u);
  ASSERT_THAT(Replace(path_, "b", 0600), IsOk());
  EXPECT_EQ(ModeOf(path_), 0600u);
  ASSERT_THAT(MakeDirectory(dir_.Join("d"), 0750), IsOk());
  EXPECT_EQ(ModeOf(dir_.Join("d")), 0750u);
}

TEST_F(FilesTest, SetsTheOwner) {
  if (geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  ASSERT_THAT(Replace(path_, "a", 0640, Owner{64000, 64001}), IsOk());
  ASSERT_THAT(MakeDirectory(dir_.Join("p/d"), 0700, Owner{64000, 64001}), IsOk());
  struct stat info;
  for (const std::string& path : {path_, dir_.Join("p/d")}) {
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, 64000u);
    EXPECT_EQ(info.st_gid, 64001u);
  }
  ASSERT_EQ(stat(dir_.Join("p").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 0u);
}

TEST_F(FilesTest, ALinkIsReplacedNotFollowed) {
  ASSERT_THAT(Replace(dir_.Join("target"), "old", 0600), IsOk());
  ASSERT_EQ(symlink("target", path_.c_str()), 0);
  ASSERT_THAT(Replace(path_, "new", 0600), IsOk());
  EXPECT_THAT(Read(path_), IsOkAndHolds(std::string("new")));
  EXPECT_THAT(Read(dir_.Join("target")), IsOkAndHolds(std::string("old")));
}

TEST_F(FilesTest, AReaderOfTheOldFileKeepsIt) {
  ASSERT_THAT(Replace(path_, "old", 0600), IsOk());
  const int reader = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_THAT(Replace(path_, "new", 0600), IsOk());
  char text[4] = {};
  EXPECT_EQ(read(reader, text, 3), 3);
  EXPECT_STREQ(text, "old");
  close(reader);
}

TEST_F(FilesTest, AFailedReplaceLeavesNothingAndChangesNothing) {
  EXPECT_THAT(Replace(dir_.Join("none/file"), "a", 0600), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_THAT(MakeDirectory(path_, 0700), IsOk());
  EXPECT_FALSE(Replace(path_, "a", 0600).ok());  // a directory stands there
  EXPECT_THAT(Replace("/", "a", 0600), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Replace("", "a", 0600), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(List(dir_.path()), IsOkAndHolds(ElementsAre("file")));
}

TEST_F(FilesTest, ALongNameIsNoTrouble) {
  const std::string longest(255, 'n');
  EXPECT_THAT(Replace(dir_.Join(longest), "a", 0600), IsOk());
  EXPECT_THAT(Read(dir_.Join(longest)), IsOkAndHolds(std::string("a")));
  EXPECT_FALSE(Replace(dir_.Join(longest + "n"), "a", 0600).ok());
  EXPECT_THAT(List(dir_.path()), IsOkAndHolds(ElementsAre(longest)));
}

// A process killed while it writes, at many moments: the file is whole, and what is left over is cleaned up.
TEST_F(FilesTest, AKilledWriterLeavesTheOldContentOrTheNewOne) {
  const std::string old_content(300000, 'o');
  const std::string new_content(300000, 'n');
  ASSERT_THAT(Replace(path_, old_content, 0600), IsOk());
  for (int round = 0; round < 20; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      while (true) {
        if (!Replace(path_, new_content, 0600).ok() || !Replace(path_, old_content, 0600).ok()) _exit(1);
      }
    }
    usleep(static_cast<useconds_t>(500 + round * 700));
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    const absl::StatusOr<std::string> content = Read(path_);
    ASSERT_THAT(content, IsOk());
    ASSERT_TRUE(*content == old_content || *content == new_content);
  }
  ASSERT_THAT(RemoveLeftovers(dir_.path()), IsOk());
  EXPECT_THAT(List(dir_.path()), IsOkAndHolds(ElementsAre("file")));
}

TEST_F(FilesTest, RemovesLeftoversOnly) {
  const std::vector<std::string> kept = {".a.tmp-",
                                         ".a.tmp-0123456789abcde",
                                         ".a.tmp-0123456789ABCDEF",
                                         ".hidden",
                                         ".tmp-0123456789abcdef",
                                         "a.tmp-0123456789abcdef",
                                         "b.tmp",
                                         "device.key"};
  for (const std::string& name : kept) ASSERT_THAT(Replace(dir_.Join(name), "", 0600), IsOk());
  ASSERT_THAT(Replace(dir_.Join(".a.tmp-0123456789abcdef"), "", 0600), IsOk());
  ASSERT_THAT(Replace(dir_.Join(".x.y.key.tmp-ffffffffffffffff"), "", 0600), IsOk());
  ASSERT_THAT(MakeDirectory(dir_.Join(".d.tmp-0123456789abcdef"), 0700), IsOk());
  ASSERT_THAT(RemoveLeftovers(dir_.path()), IsOk());
  ASSERT_THAT(RemoveTree(dir_.Join(".d.tmp-0123456789abcdef")), IsOk());
  EXPECT_THAT(List(dir_.path()), IsOkAndHolds(::testing::UnorderedElementsAreArray(kept)));
  EXPECT_THAT(RemoveLeftovers(dir_.Join("none")), IsOk());
}

TEST_F(FilesTest, RenameReplacesAlsoAcrossDirectories) {
  ASSERT_THAT(Replace(path_, "new", 0600), IsOk());
  ASSERT_THAT(Replace(dir_.Join("to"), "old", 0600), IsOk());
  ASSERT_THAT(Rename(path_, dir_.Join("to")), IsOk());
  EXPECT_FALSE(Exists(path_));
  EXPECT_THAT(Read(dir_.Join("to")), IsOkAndHolds(std::string("new")));
  ASSERT_THAT(MakeDirectory(dir_.Join("d"), 0700), IsOk());
  ASSERT_THAT(Rename(dir_.Join("to"), dir_.Join("d/to")), IsOk());
  EXPECT_TRUE(Exists(dir_.Join("d/to")));
  EXPECT_THAT(Rename(path_, dir_.Join("to")), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(FilesTest, RemoveIsContentWithAFileThatIsGone) {
  ASSERT_THAT(Replace(path_, "a", 0600), IsOk());
  EXPECT_THAT(Remove(path_), IsOk());
  EXPECT_FALSE(Exists(path_));
  EXPECT_THAT(Remove(path_), IsOk());
  EXPECT_THAT(Remove(dir_.Join("none/file")), IsOk());
  EXPECT_FALSE(Remove(dir_.path()).ok());
}

TEST_F(FilesTest, MakesDirectoriesWithTheirParents) {
  ASSERT_THAT(MakeDirectory(dir_.Join("a/b/c/"), 0700), IsOk());
  EXPECT_EQ(ModeOf(dir_.Join("a")), 0755u);
  EXPECT_EQ(ModeOf(dir_.Join("a/b")), 0755u);
  EXPECT_EQ(ModeOf(dir_.Join("a/b/c")), 0700u);
  EXPECT_THAT(MakeDirectory(dir_.Join("a/b/c"), 0777), IsOk());
  EXPECT_EQ(ModeOf(dir_.Join("a/b/c")), 0700u);
  ASSERT_THAT(Replace(path_, "a", 0600), IsOk());
  EXPECT_THAT(MakeDirectory(path_, 0700), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_FALSE(MakeDirectory(dir_.Join("file/below"), 0700).ok());
}

TEST_F(FilesTest, RemoveTreeDoesNotFollowLinks) {
  ASSERT_THAT(MakeDirectory(dir_.Join("tree/deep/er"), 0700), IsOk());
  ASSERT_THAT(Replace(dir_.Join("tree/deep/f"), "a", 0400), IsOk());
  ASSERT_THAT(MakeDirectory(dir_.Join("outside"), 0700), IsOk());
  ASSERT_THAT(Replace(dir_.Join("outside/f"), "a", 0600), IsOk());
  ASSERT_EQ(symlink("../outside", dir_.Join("tree/link").c_str()), 0);
  EXPECT_THAT(RemoveTree(dir_.Join("tree")), IsOk());
  EXPECT_THAT(RemoveTree(dir_.Join("tree")), IsOk());
  EXPECT_THAT(List(dir_.path()), IsOkAndHolds(ElementsAre("outside")));
  EXPECT_TRUE(Exists(dir_.Join("outside/f")));
}

TEST_F(FilesTest, ListsBytewise) {
  for (const char* name : {"b", "B", "a-", "a", "\xc3\xa9"})
    ASSERT_THAT(Replace(dir_.Join(name), "", 0600), IsOk());
  EXPECT_THAT(List(dir_.path()), IsOkAndHolds(ElementsAre("B", "a", "a-", "b", "\xc3\xa9")));
  EXPECT_THAT(List(dir_.Join("none")), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace aziot::files
