// After an operation no bytes of a key are left in this process outside locked memory (quality.md, R14).
// Linked with what wipes freed memory, as the program is.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>

#include "common/openssl/digest.h"
#include "keyd/backend/tpm2/backend_fixture.h"

namespace aziot::keyd::tpm2 {
namespace {

using aziot::testing::IsOk;

constexpr uint8_t kMask = 0x5a;

// Compares with the mask, so that the search leaves no copy of what it looks for.
bool Contains(const Bytes& memory, BytesView masked) {
  for (size_t at = 0; at + masked.size() <= memory.size(); ++at) {
    size_t same = 0;
    while (same < masked.size() && (memory[at + same] ^ kMask) == masked[same]) ++same;
    if (same == masked.size()) return true;
  }
  return false;
}

// Writable memory of this process that could be in a core dump. The first half of a key is enough to be
// found.
int CountOf(BytesView masked) {
  const BytesView half = masked.first(16);
  std::ifstream smaps("/proc/self/smaps");
  const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  int count = 0;
  uintptr_t begin = 0, end = 0;
  bool writable = false;
  Bytes content;
  for (std::string line; std::getline(smaps, line);) {
    char mode[5] = {};
    uintptr_t from = 0, to = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %4s", &from, &to, mode) == 3) {
      begin = from;
      end = to;
      writable = mode[0] == 'r' && mode[1] == 'w';
    } else if (line.starts_with("VmFlags:") && writable && line.find(" dd") == std::string::npos) {
      content.resize(end - begin);
      if (pread(memory, content.data(), content.size(), static_cast<off_t>(begin)) ==
          static_cast<ssize_t>(content.size())) {
        count += Contains(content, half);
      }
      OPENSSL_cleanse(content.data(), content.size());
    }
  }
  close(memory);
  return count;
}

class MemoryTest : public BackendFixture {
 protected:
  static void SetUpTestSuite() { ProtectSecretMemory(); }
  MemoryTest() {
    const Secret made = openssl::RandomSecret(32);
    for (const uint8_t byte : made.Expose()) masked_.push_back(byte ^ kMask);
  }
  Secret Key() const {
    Secret key = Secret::OfSize(masked_.size());
    for (size_t i = 0; i < masked_.size(); ++i) key.ExposeForWriting()[i] = masked_[i] ^ kMask;
    return key;
  }
  Bytes masked_;
};

TEST_F(MemoryTest, TheSearchFindsWhatIsThere) {
  EXPECT_EQ(CountOf(masked_), 0);
  const Bytes careless(Key().Expose().begin(), Key().Expose().end());
  EXPECT_EQ(CountOf(masked_), 1);
}

TEST_F(MemoryTest, AnImportedKeyIsNotLeftBehind) {
  const auto backend = Open();
  ASSERT_THAT(backend->ImportKey(id_, Key().Expose(), kSign), IsOk());
  EXPECT_EQ(CountOf(masked_), 0);
  ASSERT_THAT(backend->Hmac(id_, {}), IsOk());
  EXPECT_EQ(CountOf(masked_), 0);
}

TEST_F(MemoryTest, AnUnsealedKeyIsInLockedMemoryOnly) {
  const auto backend = Open();
  ASSERT_THAT(backend->ImportKey(id_, Key().Expose(), kEncrypt), IsOk());
  EXPECT_EQ(CountOf(masked_), 0);
  const Bytes iv(12, 1);
  ASSERT_THAT(backend->Encrypt(id_, {.iv = iv}, iv), IsOk());
  EXPECT_EQ(CountOf(masked_), 0);
}

TEST_F(MemoryTest, ADerivedKeyIsInLockedMemoryOnly) {
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKey(id_, kSign), IsOk());
  const auto derived = backend->Derive(id_, ToBytesView("data"));
  ASSERT_THAT(derived, IsOk());
  Bytes masked;
  for (const uint8_t byte : derived->Expose()) masked.push_back(byte ^ kMask);
  EXPECT_EQ(CountOf(masked), 0);
}

}  // namespace
}  // namespace aziot::keyd::tpm2
