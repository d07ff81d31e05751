#include "keyd/tpm/challenge_blob.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "common/testing/status_matchers.h"

namespace aziot::keyd::tpm {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

// A keyed-hash TPM2B_PUBLIC: HMAC with SHA-256.
const Bytes kPublic = {0, 0x12, 0, 8, 0, 0x0b, 0, 4, 4, 0x40, 0, 0, 0, 5, 0, 0x0b, 0, 2, 7, 7};

struct BlobCase {
  const char* name;
  std::array<Bytes, 5> parts;
  const char* says;  // "": it is read
};
class ChallengeBlobTest : public ::testing::TestWithParam<BlobCase> {};

TEST_P(ChallengeBlobTest, ReadsFiveStructuresOrNamesTheWrongOne) {
  Bytes blob;
  for (const Bytes& part : GetParam().parts) blob.insert(blob.end(), part.begin(), part.end());
  const auto parsed = ParseChallengeBlob(blob);
  if (*GetParam().says != '\0') {
    EXPECT_THAT(parsed, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().says)));
    return;
  }
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->credential.size, 1);
  EXPECT_EQ(parsed->credential.credential[0], 0xa1);
  EXPECT_EQ(parsed->credential_seed.secret[0], 0xa2);
  EXPECT_EQ(parsed->duplicate.buffer[0], 0xa3);
  EXPECT_EQ(parsed->duplicate_seed.secret[0], 0xa4);
  EXPECT_EQ(parsed->public_area.publicArea.unique.keyedHash.size, 2);
}

constexpr auto Damaged = [](size_t at, uint8_t value) {
  Bytes area = kPublic;
  area[at] = value;
  return area;
};
// A structure of `size` bytes, its length before them.
constexpr auto Filled = [](uint16_t size) {
  Bytes part(2 + size, 0);
  part[0] = static_cast<uint8_t>(size >> 8);
  part[1] = static_cast<uint8_t>(size);
  return part;
};
const Bytes kA = {0, 1, 0xa1}, kB = {0, 1, 0xa2}, kC = {0, 1, 0xa3}, kD = {0, 1, 0xa4};
INSTANTIATE_TEST_SUITE_P(
    All, ChallengeBlobTest,
    ::testing::Values(
        BlobCase{"Whole", {kA, kB, kC, kD, kPublic}, ""},
        BlobCase{"Nothing", {}, "TPM2B_ID_OBJECT: its length is missing"},
        BlobCase{"HalfALength", {kA, {0}}, "TPM2B_ENCRYPTED_SECRET of the credential: its length is missing"},
        BlobCase{"CutOff", {kA, kB, {0, 5, 1}}, "TPM2B_PRIVATE: it is cut off: 3 of 7 bytes are there"},
        BlobCase{"NoPublic", {kA, kB, kC, kD}, "TPM2B_PUBLIC: its length is missing"},
        BlobCase{"EmptyPublic", {kA, kB, kC, kD, {0, 0}}, "TPM2B_PUBLIC: it is empty"},
        BlobCase{
            "LongCredential", {Filled(0x400), kB, kC, kD, kPublic}, "TPM2B_ID_OBJECT: its length is 1024"},
        BlobCase{"LongSeed", {kA, Filled(0x300), kC, kD, kPublic}, "of the credential: its length is 768"},
        BlobCase{"LongPrivate", {kA, kB, Filled(0xffff), kD, kPublic}, "TPM2B_PRIVATE: its length is 65535"},
        BlobCase{"LongOuterSeed", {kA, kB, kC, Filled(0x300), kPublic}, "of the key: its length is 768"},
        BlobCase{"NoHmacKey", {kA, kB, kC, kD, Damaged(3, 0x25)}, "TPM2B_PUBLIC: "},
        BlobCase{"LongUnique", {kA, kB, kC, kD, Damaged(17, 3)}, "TPM2B_PUBLIC: "},
        BlobCase{"ShortUnique", {kA, kB, kC, kD, Damaged(17, 1)}, "TPM2B_PUBLIC: "},
        BlobCase{"UnknownScheme", {kA, kB, kC, kD, Damaged(13, 0x77)}, "TPM2B_PUBLIC: "}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace aziot::keyd::tpm
