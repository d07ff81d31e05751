#include "openssl-engine/key_file.h"

#include <gtest/gtest.h>

#include <memory>

#include "openssl-engine/base64.h"
#include "openssl-engine/cert_chain.h"
#include "openssl-engine/owned.h"

namespace aziot::openssl_engine {
namespace {

using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;

BioPtr Open(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}
std::string Block(const std::string& body) {
  return "-----BEGIN AZIOT KEYS URI-----\n" + body + "\n-----END AZIOT KEYS URI-----\n";
}
std::string Base64(const std::string& text) {
  return FormatBase64({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

struct GoodCase {
  const char* name;
  std::string text;
};
void PrintTo(const GoodCase& one, std::ostream* out) { *out << one.name; }
class GoodKeyFileTest : public testing::TestWithParam<GoodCase> {};

TEST_P(GoodKeyFileTest, NamesTheKey) {
  const std::string text = GetParam().text;
  const BioPtr in = Open(text);
  const auto ref = ReadKeyFile(in.get());
  ASSERT_TRUE(ref.ok()) << ref.failure().text;
  ASSERT_TRUE(ref->has_value());
  EXPECT_EQ((**ref).key_id, "device-id");
  EXPECT_EQ((**ref).socket_path, "/run/k.sock");
}
const std::string kUri = "aziot:key=device-id;socket=/run/k.sock";
INSTANTIATE_TEST_SUITE_P(
    All, GoodKeyFileTest,
    testing::Values(GoodCase{"Base64", Block(Base64(kUri))}, GoodCase{"Plain", Block(kUri)},
                    GoodCase{"PlainInTwoLines", Block("aziot:key=device-id\n;socket=/run/k.sock")},
                    GoodCase{"LineBreakInside", Block(Base64(kUri + "\n"))},
                    GoodCase{"Folded", Block(Base64(kUri).insert(20, "\r\n"))},
                    GoodCase{"TextBefore", "subject=x\n\n" + Block(kUri)},
                    GoodCase{"NoLastLineBreak", Block(kUri).substr(0, Block(kUri).size() - 1)}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(KeyFileTest, OneBlockIsReadAtATime) {
  const std::string text =
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + Block(kUri) + "rest\n";
  const BioPtr in = Open(text);
  const auto first = ReadKeyFile(in.get());
  ASSERT_TRUE(first.ok());
  EXPECT_FALSE(first->has_value());
  const auto second = ReadKeyFile(in.get());
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(second->has_value());
  EXPECT_EQ(BIO_pending(in.get()), 5);
  const auto third = ReadKeyFile(in.get());
  ASSERT_TRUE(third.ok());
  EXPECT_FALSE(third->has_value());
}

struct BadCase {
  const char* name;
  std::string text;
  const char* fault;
};
void PrintTo(const BadCase& one, std::ostream* out) { *out << one.name; }
class BadKeyFileTest : public testing::TestWithParam<BadCase> {};

TEST_P(BadKeyFileTest, IsRefusedWithItsFault) {
  const BioPtr in = Open(GetParam().text);
  const auto ref = ReadKeyFile(in.get());
  ASSERT_FALSE(ref.ok());
  EXPECT_EQ(ref.failure().reason, Reason::kInvalidName);
  EXPECT_NE(ref.failure().text.find(GetParam().fault), std::string::npos) << ref.failure().text;
}
INSTANTIATE_TEST_SUITE_P(
    All, BadKeyFileTest,
    testing::Values(
        BadCase{"Empty", Block(""), "scheme"}, BadCase{"NoBase64", Block("a*b"), "neither a URI"},
        BadCase{"OtherScheme", Block("pkcs11:object=a"), "scheme"},
        BadCase{"OtherSchemeCoded", Block(Base64("file:a")), "scheme"},
        BadCase{"BadUri", Block("aziot:name=a"), "neither sr="},
        BadCase{"Cut", Block(kUri).substr(0, 60), "no end line"},
        BadCase{"OtherEnd", "-----BEGIN AZIOT KEYS URI-----\n-----END CERTIFICATE-----\n", "another"},
        BadCase{"OneLongLine", Block(std::string(20'000, 'A')), "longer than"},
        BadCase{"ManyLines", Block(std::string(600, '\n').append(Base64(std::string(20'000, 'a')))),
                "longer than"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(KeyFileTest, AnyBeginningOfAFileIsNothingOrAnError) {
  const std::string text = Block(Base64(kUri));
  for (size_t size = 0; size < text.size() - 1; ++size) {
    const std::string part = text.substr(0, size);
    const BioPtr in = Open(part);
    const auto ref = ReadKeyFile(in.get());
    EXPECT_TRUE(!ref.ok() || !ref->has_value()) << size;
  }
}

TEST(CertChainTest, WhatIsNoChainIsRefused) {
  for (const char* pem : {"", "text", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                          "-----BEGIN CERTIFICATE-----\nMIIB\n",
                          "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n"}) {
    const auto chain = ParseCertChain(pem);
    ASSERT_FALSE(chain.ok()) << pem;
    EXPECT_EQ(chain.failure().reason, Reason::kBadAnswer) << pem;
  }
}

}  // namespace
}  // namespace aziot::openssl_engine
