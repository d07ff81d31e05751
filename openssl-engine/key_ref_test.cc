#include "openssl-engine/key_ref.h"

#include <gtest/gtest.h>

namespace aziot::openssl_engine {
namespace {

const std::string kLongPath = "/" + std::string(200, 'a');

struct GoodCase {
  const char* name;
  std::string uri;
  KeyRef ref;
};
void PrintTo(const GoodCase& one, std::ostream* out) { *out << one.name; }
class GoodKeyRefTest : public testing::TestWithParam<GoodCase> {};

TEST_P(GoodKeyRefTest, IsReadAndWrittenAgain) {
  const Result<KeyRef> ref = ParseKeyRef(GetParam().uri);
  ASSERT_TRUE(ref.ok()) << ref.failure().text;
  EXPECT_EQ(ref->handle, GetParam().ref.handle);
  EXPECT_EQ(ref->key_id, GetParam().ref.key_id);
  EXPECT_EQ(ref->cert_id, GetParam().ref.cert_id);
  EXPECT_EQ(ref->socket_path, GetParam().ref.socket_path);
  const Result<KeyRef> again = ParseKeyRef(FormatKeyRef(*ref));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->handle, ref->handle);
  EXPECT_EQ(again->key_id, ref->key_id);
  EXPECT_EQ(again->cert_id, ref->cert_id);
  EXPECT_EQ(again->socket_path, ref->socket_path);
}
INSTANTIATE_TEST_SUITE_P(
    All, GoodKeyRefTest,
    testing::Values(
        GoodCase{"Raw", "aziot:sr=a+b/c=&sig=d%2B=", {"sr=a+b/c=&sig=d%2B=", "", ""}},
        GoodCase{"UpperScheme", "AZIOT:sr=a&sig=b", {"sr=a&sig=b", "", ""}},
        GoodCase{
            "RawWithSocket", "aziot:sr=a&sig=b;socket=%2Frun%2Fk.sock", {"sr=a&sig=b", "", "/run/k.sock"}},
        GoodCase{"PlainSocket", "aziot:sr=a;socket=/run/a b", {"sr=a", "", "/run/a b"}},
        GoodCase{"Handle", "aziot:handle=sr%3Da%2bb%26sig%3Dc", {"sr=a+b&sig=c", "", ""}},
        GoodCase{"HandleUnencoded", "aziot:handle=sr=a&sig=b", {"sr=a&sig=b", "", ""}},
        GoodCase{"Key", "aziot:key=device-id", {"", "device-id", ""}},
        GoodCase{"KeyWithSlash", "aziot:key=a%2Fb%3b%C3%A9", {"", "a/b;\xc3\xa9", ""}},
        GoodCase{"Cert", "aziot:cert=device%2Did;socket=/run/c.sock", {"", "", "/run/c.sock", "device-id"}}),
    [](const auto& info) { return std::string(info.param.name); });

struct BadCase {
  const char* name;
  std::string uri;
  const char* text;
};
void PrintTo(const BadCase& one, std::ostream* out) { *out << one.name; }
class BadKeyRefTest : public testing::TestWithParam<BadCase> {};

TEST_P(BadKeyRefTest, IsRefusedWithItsFault) {
  const Result<KeyRef> ref = ParseKeyRef(GetParam().uri);
  ASSERT_FALSE(ref.ok());
  EXPECT_EQ(ref.failure().reason, Reason::kInvalidName);
  EXPECT_NE(ref.failure().text.find(GetParam().text), std::string::npos) << ref.failure().text;
}
INSTANTIATE_TEST_SUITE_P(
    All, BadKeyRefTest,
    testing::Values(
        BadCase{"Empty", "", "scheme"}, BadCase{"OtherScheme", "pkcs11:key=a", "scheme"},
        BadCase{"NoColon", "aziot", "scheme"}, BadCase{"Nothing", "aziot:", "neither"},
        BadCase{"BareWord", "aziot:device-id", "neither"}, BadCase{"UnknownWord", "aziot:name=a", "neither"},
        BadCase{"WordInCapitals", "aziot:KEY=a", "neither"},
        BadCase{"EmptyCert", "aziot:cert=", "cert= is empty"},
        BadCase{"CertWithNul", "aziot:cert=a%00", "cert= holds a NUL"},
        BadCase{"EmptyHandle", "aziot:handle=", "handle= is empty"},
        BadCase{"HandleWithSpace", "aziot:handle=a%20b", "printable"},
        BadCase{"RawWithNewline", "aziot:sr=a\n", "printable"},
        BadCase{"RawNotAscii", "aziot:sr=\xc3\xa9", "printable"},
        BadCase{"EmptyKey", "aziot:key=", "key= is empty"}, BadCase{"KeyWithNul", "aziot:key=a%00b", "NUL"},
        BadCase{"CutPercent", "aziot:key=a%2", "percent"}, BadCase{"PercentAtEnd", "aziot:key=a%", "percent"},
        BadCase{"NoHex", "aziot:handle=%zz", "percent"},
        BadCase{"UnknownAttribute", "aziot:key=a;pin=1", "unknown attribute \"pin\""},
        BadCase{"EmptyAttribute", "aziot:key=a;", "unknown attribute"},
        BadCase{"SocketTwice", "aziot:key=a;socket=/a;socket=/b", "twice"},
        BadCase{"SocketEmpty", "aziot:key=a;socket=", "absolute"},
        BadCase{"SocketRelative", "aziot:key=a;socket=k.sock", "absolute"},
        BadCase{"SocketTooLong", "aziot:key=a;socket=" + kLongPath, "longer"},
        BadCase{"SocketWithNul", "aziot:key=a;socket=/a%00", "NUL"},
        BadCase{"SocketBroken", "aziot:key=a;socket=/%1", "percent"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(KeyRefTest, ARefusalNeverShowsTheHandle) {
  for (const char* uri : {"aziot:sr=secret\n", "aziot:handle=secret%20", "aziot:sr=secret;x=1"}) {
    const Result<KeyRef> ref = ParseKeyRef(uri);
    ASSERT_FALSE(ref.ok());
    EXPECT_EQ(ref.failure().text.find("secret"), std::string::npos);
  }
}

}  // namespace
}  // namespace aziot::openssl_engine
