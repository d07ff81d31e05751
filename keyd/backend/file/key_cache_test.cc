#include "keyd/backend/file/key_cache.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/testing/temp_dir.h"
#include "keyd/backend/file/key_paths.h"
#include "keyd/backend/unsynced_names.h"

namespace aziot::keyd::file {
namespace {

class KeyCacheTest : public ::testing::Test {
 protected:
  void Write(absl::string_view content) {
    std::ofstream(path_, std::ios::binary)
        .write(content.data(), static_cast<std::streamsize>(content.size()));
  }
  // What the backend does on a miss; true when the cache kept the content.
  bool Load() {
    const KeyCache::Ticket ticket = cache_.Begin(path_);
    Insert(ticket);
    return cache_.Find(id_) != nullptr;
  }
  void Insert(const KeyCache::Ticket& ticket) {
    cache_.Insert(id_, path_, std::make_shared<const KeyContent>(ReadContent(*files::ReadSecret(path_))),
                  ticket);
  }

  const aziot::testing::TempDir scratch_;
  const std::string path_ = scratch_.path() + "/a.key";
  const KeyId id_ = *KeyId::Parse("a");
  KeyCache cache_;
};

TEST_F(KeyCacheTest, KeepsWhatDoesNotChange) {
  Write("one");
  EXPECT_TRUE(Load());
  EXPECT_EQ(cache_.Find(id_), cache_.Find(id_));
  EXPECT_NE(cache_.Peek(id_), nullptr);
}

TEST_F(KeyCacheTest, ForgetsAFileThatIsWrittenReplacedOrRemoved) {
  Write("one");
  ASSERT_TRUE(Load());
  Write("two");
  EXPECT_EQ(cache_.Find(id_), nullptr);
  ASSERT_TRUE(Load());
  ASSERT_TRUE(files::Replace(path_, "three", 0600).ok());
  EXPECT_EQ(cache_.Find(id_), nullptr);
  ASSERT_TRUE(Load());
  std::filesystem::remove(path_);
  EXPECT_EQ(cache_.Find(id_), nullptr);
}

TEST_F(KeyCacheTest, AnotherFilesChangeKeepsTheEntry) {
  Write("one");
  ASSERT_TRUE(Load());
  ASSERT_TRUE(files::Replace(scratch_.path() + "/b.key", "x", 0600).ok());
  EXPECT_NE(cache_.Find(id_), nullptr);
}

TEST_F(KeyCacheTest, AChangeWhileReadingIsNotKept) {
  Write("one");
  const KeyCache::Ticket ticket = cache_.Begin(path_);
  Write("two");
  Insert(ticket);
  EXPECT_EQ(cache_.Find(id_), nullptr);
  EXPECT_TRUE(Load());
}

TEST_F(KeyCacheTest, NothingIsKeptOfAFileWhileItIsBeingChanged) {
  Write("one");
  ASSERT_TRUE(Load());
  {
    const KeyCache::Change change(cache_, path_);
    EXPECT_FALSE(Load());
    Write("two");
    EXPECT_FALSE(Load());
  }
  EXPECT_TRUE(Load());
}

TEST_F(KeyCacheTest, AChangeOfOursForgetsAndVoidsTickets) {
  Write("one");
  ASSERT_TRUE(Load());
  const KeyCache::Ticket ticket = cache_.Begin(path_);
  { const KeyCache::Change change(cache_, path_); }
  EXPECT_EQ(cache_.Find(id_), nullptr);
  Insert(ticket);
  EXPECT_EQ(cache_.Find(id_), nullptr);
}

TEST_F(KeyCacheTest, ALinkIsNotKept) {
  Write("one");
  const std::string target = scratch_.path() + "/elsewhere";
  std::filesystem::rename(path_, target);
  std::filesystem::create_symlink(target, path_);
  EXPECT_FALSE(Load());
}

TEST_F(KeyCacheTest, AReplacedDirectoryIsSeen) {
  const std::string directory = scratch_.path() + "/keys";
  const std::string path = directory + "/a.key";
  for (int round = 0; round < 2; ++round) {
    std::filesystem::create_directory(directory);
    ASSERT_TRUE(files::Replace(path, "one", 0600).ok());
    const KeyCache::Ticket ticket = cache_.Begin(path);
    cache_.Insert(id_, path, std::make_shared<const KeyContent>(ReadContent(*files::ReadSecret(path))),
                  ticket);
    ASSERT_NE(cache_.Find(id_), nullptr) << round;
    std::filesystem::rename(directory, directory + std::to_string(round));
    EXPECT_EQ(cache_.Find(id_), nullptr) << round;
  }
}

TEST_F(KeyCacheTest, LostEventsEmptyTheCache) {
  Write("one");
  ASSERT_TRUE(Load());
  int most = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> most;
  if (most == 0 || most > 100000) GTEST_SKIP() << "the kernel's queue of events is not to be filled here";
  const std::string other = scratch_.path() + "/other";
  for (int i = 0; i < most; i += 2) {  // at least two events each
    ASSERT_EQ(mknod(other.c_str(), S_IFREG | 0600, 0), 0);
    ASSERT_EQ(unlink(other.c_str()), 0);
  }
  Write("two");
  EXPECT_EQ(cache_.Find(id_), nullptr);
  EXPECT_TRUE(Load());
}

TEST_F(KeyCacheTest, LargeKeysDoNotFillTheLockedMemory) {
  const auto keep = [&](const std::string& id, size_t size) {
    Write(std::string(size, 'k'));
    const auto content = std::make_shared<const KeyContent>(ReadContent(*files::ReadSecret(path_)));
    cache_.Insert(*KeyId::Parse(id), absl::StrCat(path_, id), content, cache_.Begin(path_));
  };
  const auto kept = [&](const std::string& id) { return cache_.Peek(*KeyId::Parse(id)) != nullptr; };
  for (const char* id : {"a", "b", "c"}) keep(id, 100 << 10);
  EXPECT_EQ(kept("a") + kept("b") + kept("c"), 2);
  EXPECT_TRUE(kept("c"));
  keep("d", 257 << 10);
  EXPECT_FALSE(kept("d"));
  // What was forgotten counts no more, and an id counts once.
  for (const char* id : {"a", "b", "c"}) const KeyCache::Change change(cache_, absl::StrCat(path_, id));
  for (const char* id : {"a", "a", "b"}) keep(id, 100 << 10);
  EXPECT_TRUE(kept("a") && kept("b"));
}

TEST_F(KeyCacheTest, AFileInTheRootDirectoryIsWatchedToo) {
  std::string path = "/aziot-keyd-test-XXXXXX";
  const int fd = mkstemp(path.data());
  if (fd < 0) GTEST_SKIP() << "the root directory cannot be written";
  DirectoryWatch watch;
  const bool covered = watch.Cover(ParentOf(path));
  EXPECT_EQ(write(fd, "x", 1), 1);
  close(fd);
  std::filesystem::remove(path);
  ASSERT_TRUE(covered);
  const std::vector<std::string> changed = watch.Take().paths;
  EXPECT_NE(std::find(changed.begin(), changed.end(), path), changed.end());
}

TEST_F(KeyCacheTest, StaysSmall) {
  Write("one");
  for (int i = 0; i < 3000; ++i) {
    const KeyCache::Ticket ticket = cache_.Begin(path_);
    cache_.Insert(*KeyId::Parse(std::to_string(i)), path_, std::make_shared<const KeyContent>(), ticket);
  }
  int kept = 0;
  for (int i = 0; i < 3000; ++i) kept += cache_.Peek(*KeyId::Parse(std::to_string(i))) != nullptr;
  EXPECT_EQ(kept, 1024);
}

}  // namespace
}  // namespace aziot::keyd::file
