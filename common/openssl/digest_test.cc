#include "common/openssl/digest.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "common/bytes/hex.h"

namespace aziot::openssl {
namespace {

// FIPS 180-4 examples.
TEST(Digest, KnownAnswers) {
  EXPECT_EQ(FormatHex(Sha256(ToBytesView("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(FormatHex(Sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(FormatHex(Sha1(ToBytesView("abc"))), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

struct HmacCase {
  const char* name;
  Bytes key;
  Bytes data;
  const char* mac;
};
class HmacTest : public testing::TestWithParam<HmacCase> {};
TEST_P(HmacTest, KnownAnswer) {
  EXPECT_EQ(FormatHex(HmacSha256(GetParam().key, GetParam().data)), GetParam().mac);
}
// RFC 4231, sections 4.2, 4.3 and 4.7, and the empty key and message.
INSTANTIATE_TEST_SUITE_P(
    Rfc4231, HmacTest,
    testing::Values(HmacCase{"Case1", Bytes(20, 0x0b), ToBytes("Hi There"),
                             "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
                    HmacCase{"Case2", ToBytes("Jefe"), ToBytes("what do ya want for nothing?"),
                             "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
                    HmacCase{"LongKey", Bytes(131, 0xaa),
                             ToBytes("Test Using Larger Than Block-Size Key - Hash Key First"),
                             "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
                    HmacCase{
                        "Empty", {}, {}, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(Hmac, AKeyIsForgottenBetweenCalls) {
  const auto empty = HmacSha256({}, ToBytesView("x"));
  HmacSha256(ToBytesView("key"), ToBytesView("x"));
  EXPECT_EQ(HmacSha256({}, ToBytesView("x")), empty);
}

TEST(Hmac, EveryThreadHasItsOwn) {
  std::vector<std::thread> threads;
  for (uint8_t t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      const Bytes key(32, t);
      const auto expected = HmacSha256(key, key);
      for (int i = 0; i < 1000; ++i) ASSERT_EQ(HmacSha256(key, key), expected);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Random, IsOfTheSizeAskedForAndNeverTheSame) {
  EXPECT_EQ(RandomBytes(64).size(), 64u);
  EXPECT_NE(RandomBytes(32), RandomBytes(32));
  EXPECT_EQ(RandomSecret(32).size(), 32u);
  EXPECT_FALSE(RandomSecret(32) == RandomSecret(32));
  EXPECT_TRUE(RandomBytes(0).empty());
  EXPECT_TRUE(RandomSecret(0).empty());
}

}  // namespace
}  // namespace aziot::openssl
