#include "keyd/backend/memory_key.h"

#include <gtest/gtest.h>

#include "common/bytes/base64.h"
#include "common/bytes/hex.h"
#include "common/openssl/digest.h"

namespace aziot::keyd {
namespace {

Bytes Counting(size_t size) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i);
  return bytes;
}

// The golden vectors of keys-service.md, section 14.
constexpr absl::string_view kIv = "0123456789abcdef0123456789abcdef";
constexpr absl::string_view kAad = "$edgeAgent1";
constexpr absl::string_view kText = "someplaintext";
constexpr absl::string_view kVersion2 = "02e98f6e5cfec7d3616e90ca44a013515dbd784a42ea8838a68e8312d820";
constexpr absl::string_view kVersion1 = "0113515dbd784a42ea8838a68e8312d820e98f6e5cfec7d3616e90ca44a0";

const AeadParameters kParameters{.iv = ToBytesView(kIv), .aad = ToBytesView(kAad)};

TEST(MemoryKeyTest, AeadGoldenVectors) {
  const MemoryKey key(Secret(Counting(32)));
  EXPECT_EQ(FormatHex(*key.Encrypt(kParameters, ToBytesView(kText))), kVersion2);
  EXPECT_EQ(ToText(*key.Decrypt(kParameters, *ParseHex(kVersion2))), kText);
  EXPECT_EQ(ToText(*key.Decrypt(kParameters, *ParseHex(kVersion1))), kText);
}

TEST(MemoryKeyTest, DerivedKeyGoldenVectors) {
  const MemoryKey base(Secret(Counting(32)));
  const MemoryKey derived(*base.Derive(ToBytesView("module:gen:primary")));
  EXPECT_EQ(FormatBase64(*derived.Hmac(ToBytesView("hello"))),
            "XiSLtnTl5cPxPFqaDW1QveTF8ssatzph3MM1RCd+5Ew=");
  EXPECT_EQ(FormatHex(*derived.Encrypt({.iv = ToBytesView("123456789012")}, ToBytesView(kText))),
            "021e5f7696032a768cb57926f9d3deabe7739f3003998e0e72130631d9c7");
}

TEST(MemoryKeyTest, HmacTakesKeysOfAnyLength) {
  // RFC 4231, test cases 2 and 6.
  const MemoryKey short_key(Secret(ToBytesView("Jefe")));
  EXPECT_EQ(FormatHex(*short_key.Hmac(ToBytesView("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const MemoryKey long_key(Secret(Bytes(131, 0xaa)));
  EXPECT_EQ(FormatHex(*long_key.Hmac(ToBytesView("Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(MemoryKeyTest, HmacIsTheSameOnBothSidesOfABlock) {
  for (const size_t size : {1, 63, 64, 65, 150000}) {
    const Bytes key = Counting(size);
    const MemoryKey held{Secret(key)};
    EXPECT_EQ(*held.Hmac(ToBytesView("a")), openssl::HmacSha256(key, ToBytesView("a"))) << size;
    EXPECT_EQ(*held.Hmac(ToBytesView("b")), openssl::HmacSha256(key, ToBytesView("b"))) << size;
  }
}

TEST(MemoryKeyTest, AContextIsCleanForTheNextMessage) {
  const MemoryKey key(Secret(Counting(32)));
  const Mac first = *key.Hmac(ToBytesView("a"));
  EXPECT_NE(*key.Hmac(ToBytesView("b")), first);
  EXPECT_EQ(*key.Hmac(ToBytesView("a")), first);
}

TEST(MemoryKeyTest, AeadNeeds32Bytes) {
  for (const size_t size : {16u, 31u, 33u, 65u}) {
    const MemoryKey key(Secret(Counting(size)));
    EXPECT_TRUE(absl::IsInternal(key.Encrypt(kParameters, {}).status())) << size;
    EXPECT_TRUE(absl::IsInternal(key.Decrypt(kParameters, *ParseHex(kVersion2)).status())) << size;
  }
}

TEST(MemoryKeyTest, ShortOrUnknownBlobsAreTheCallersMistake) {
  const MemoryKey key(Secret(Counting(32)));
  EXPECT_TRUE(absl::IsInvalidArgument(key.Decrypt(kParameters, {}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(key.Decrypt(kParameters, Bytes(16, 2)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(key.Decrypt(kParameters, Bytes(40, 0)).status()));
  EXPECT_TRUE(absl::IsInternal(key.Decrypt(kParameters, Bytes(40, 2)).status()));
}

}  // namespace
}  // namespace aziot::keyd
