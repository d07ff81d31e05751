// Blobs that cannot be imported: the earlier key stays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "keyd/tpm/attestation_fixture.h"

namespace aziot::keyd::tpm {
namespace {

using ::testing::HasSubstr;
using testing::StatusIs;

TEST_F(AttestationTest, ABlobCutOffAnywhereLeavesTheEarlierKey) {
  Import(first_);
  const auto parts = WrapParts(ChallengeFor(second_));
  const Bytes blob = Join(parts);
  std::set<size_t> sizes = {0, 1, blob.size() - 1};
  for (size_t size = 0; size < blob.size(); size += 29) sizes.insert(size);
  size_t end = 0;
  for (const Bytes& part : parts) {
    sizes.insert({end + 1, end + 2, end + 3});
    end += part.size();
    if (end < blob.size()) sizes.insert({end - 1, end});
  }
  for (const size_t size : sizes) {
    EXPECT_THAT(attestation_->Import(BytesView(blob).first(size)),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << size;
  }
  ExpectSignsWith(first_);
}

TEST_F(AttestationTest, AFlippedBitAnywhereLeavesTheEarlierKey) {
  Import(first_);
  const auto parts = WrapParts(ChallengeFor(second_));
  for (size_t part = 0; part < parts.size(); ++part) {
    const size_t size = parts[part].size();
    // The last bytes of structure 5 are the name's hash; its first two and the others' lengths are told apart
    // early.
    for (const size_t at : {size_t{0}, size_t{1}, size_t{2}, size_t{3}, size_t{9}, size / 2, size - 1}) {
      auto damaged = parts;
      damaged[part][at] ^= 0x04;
      EXPECT_FALSE(attestation_->Import(Join(damaged)).ok()) << "structure " << part + 1 << ", byte " << at;
    }
  }
  ExpectSignsWith(first_);
}

TEST_F(AttestationTest, AStructureThatIsMissingOrOfAnotherBlobLeavesTheEarlierKey) {
  Import(first_);
  const auto parts = WrapParts(ChallengeFor(second_));
  const auto others = WrapParts(ChallengeFor(Bytes(32, 9)));
  for (size_t part = 0; part < parts.size(); ++part) {
    auto mixed = parts;
    mixed[part] = others[part];
    EXPECT_FALSE(attestation_->Import(Join(mixed)).ok()) << part;
    mixed[part] = {0, 0};
    EXPECT_FALSE(attestation_->Import(Join(mixed)).ok()) << part << " empty";
    mixed[part] = Bytes(2 + 0xffff, 0xff);
    EXPECT_FALSE(attestation_->Import(Join(mixed)).ok()) << part << " too long";
  }
  ExpectSignsWith(first_);
}

TEST_F(AttestationTest, AKeyThatCannotSignLeavesTheEarlierOne) {
  Import(first_);
  Challenge challenge = ChallengeFor(second_);
  challenge.attributes = TPMA_OBJECT_NODA | TPMA_OBJECT_SIGN_ENCRYPT;  // not by password
  EXPECT_THAT(attestation_->Import(Wrap(challenge)),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("cannot sign")));
  challenge.attributes = TPMA_OBJECT_NODA | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_DECRYPT;
  EXPECT_FALSE(attestation_->Import(Wrap(challenge)).ok());
  ExpectSignsWith(first_);
}

}  // namespace
}  // namespace aziot::keyd::tpm
