#include "common/uri/uri.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/testing/status_matchers.h"

namespace aziot::uri {
namespace {

using ::aziot::testing::IsOkAndHolds;
using ::aziot::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

struct FileCase {
  const char* name;
  absl::string_view text;
  absl::string_view path;
};
class FileUriTest : public ::testing::TestWithParam<FileCase> {};
TEST_P(FileUriTest, Parses) {
  EXPECT_THAT(ParseFile(GetParam().text), IsOkAndHolds(FileUri{std::string(GetParam().path)}));
}
INSTANTIATE_TEST_SUITE_P(All, FileUriTest,
                         ::testing::Values(FileCase{"Plain", "file:///var/secrets/k.pem",
                                                    "/var/secrets/k.pem"},
                                           FileCase{"Encoded", "file:///a%20b/%C3%A9", "/a b/\xc3\xa9"},
                                           FileCase{"Space", "file:///a b", "/a b"},
                                           FileCase{"Localhost", "FILE://LocalHost/a", "/a"},
                                           FileCase{"NoAuthority", "file:/a", "/a"}),
                         [](const auto& info) { return std::string(info.param.name); });

struct Pkcs11Case {
  const char* name;
  absl::string_view text;
  Pkcs11Uri uri;
  absl::string_view formatted;
};
class Pkcs11UriTest : public ::testing::TestWithParam<Pkcs11Case> {};
TEST_P(Pkcs11UriTest, ParsesAndFormats) {
  const absl::StatusOr<Uri> uri = Parse(GetParam().text);
  ASSERT_THAT(uri, IsOkAndHolds(Uri(GetParam().uri)));
  EXPECT_EQ(Format(*uri), GetParam().formatted);
}
INSTANTIATE_TEST_SUITE_P(
    All, Pkcs11UriTest,
    ::testing::Values(
        Pkcs11Case{"Token",
                   "pkcs11:token=Key%20pairs?pin-value=1234",
                   {"Key pairs", {}, {}, "1234"},
                   "pkcs11:token=Key%20pairs?pin-value=1234"},
        Pkcs11Case{"LiteralSpace",
                   "pkcs11:token=Key pairs;object=a b",
                   {"Key pairs", {}, "a b", {}},
                   "pkcs11:token=Key%20pairs;object=a%20b"},
        Pkcs11Case{"SlotWins",
                   "pkcs11:object=device-id;slot-id=0;token=t",
                   {"t", 0, "device-id", {}},
                   "pkcs11:slot-id=0;object=device%2Did"},
        Pkcs11Case{
            "OthersDropped",
            "pkcs11:slot-description=x;slot-id=18446744073709551615;type=private?module-name=x&pin-value=%26",
            {{}, 18446744073709551615u, {}, "&"},
            "pkcs11:slot-id=18446744073709551615?pin-value=%26"},
        Pkcs11Case{"AllThatIsKnown",
                   "pkcs11:token=t;manufacturer=m;model=o;serial=s;object=k;id=%01%00"
                   "?pin-source=file:/run/a%2520b&module-path=/x.so",
                   {.token = "t",
                    .object = "k",
                    .manufacturer = "m",
                    .model = "o",
                    .serial = "s",
                    .id = std::string("\1\0", 2),
                    .pin_source = "/run/a b",
                    .module_path = "/x.so"},
                   "pkcs11:token=t;manufacturer=m;model=o;serial=s;object=k;id=%01%00"
                   "?pin-source=%2Frun%2Fa%20b&module-path=%2Fx%2Eso"},
        Pkcs11Case{"LastCounts", "pkcs11:token=a;token=b;", {"b", {}, {}, {}}, "pkcs11:token=b"},
        Pkcs11Case{"EmptyValues",
                   "pkcs11:token=;object=?pin-value=",
                   {"", {}, "", ""},
                   "pkcs11:token=;object=?pin-value="},
        Pkcs11Case{"PinInThePathIsNoPin",
                   "pkcs11:token=t;pin-value=1?token=u",
                   {"t", {}, {}, {}},
                   "pkcs11:token=t"}),
    [](const auto& info) { return std::string(info.param.name); });

class RefusedUriTest : public ::testing::TestWithParam<const char*> {};
TEST_P(RefusedUriTest, IsAnInvalidArgument) {
  EXPECT_THAT(Parse(GetParam()), StatusIs(absl::StatusCode::kInvalidArgument));
}
INSTANTIATE_TEST_SUITE_P(All, RefusedUriTest,
                         ::testing::Values("", "/absolute/path", "file", "file:", "file:relative",
                                           "file://host/a", "file://", "file:///a%0", "file:///a%",
                                           "file:///a%zz", "file:///a%00", "file:///a?b", "file:///a#b",
                                           "http://x/", "pkcs11:", "pkcs11:object=x", "pkcs11:token",
                                           "pkcs11:slot-id=", "pkcs11:slot-id=-1", "pkcs11:slot-id=0x1",
                                           "pkcs11:slot-id=18446744073709551616", "pkcs11:token=%00",
                                           "pkcs11:token=%4", "pkcs11:token=t?pin-source=relative",
                                           "pkcs11:token=t?pin-source=file://host/a", "tpm:x",
                                           "tpm:", "tpm:handle=81000001", "tpm:handle=0x80000001",
                                           "tpm:handle=0x181000001", "tpm:handle=0x8100000g",
                                           "tpm:file=relative", "tpm:file=", "tpm:file=/a%00"));

TEST(Uri, TpmObjects) {
  for (const auto& [text, uri] :
       {std::pair{"TPM:handle=0x81000100", TpmUri{0x81000100u}},
        std::pair{"tpm:file=/var/a%20b.tpm", TpmUri{std::string("/var/a b.tpm")}}}) {
    EXPECT_THAT(Parse(text), IsOkAndHolds(Uri(uri)));
    EXPECT_THAT(Parse(Format(uri)), IsOkAndHolds(Uri(uri)));
  }
}

TEST(Uri, MessagesNeverShowAPin) {
  for (const char* text : {"pkcs11:token=t?pin-value=s3cret%", "pkcs11:object=o?pin-value=s3cret",
                           "pkcs11:slot-id=x?pin-value=s3cret", "pcks11:token=t?pin-value=s3cret"}) {
    EXPECT_THAT(Parse(text), StatusIs(absl::StatusCode::kInvalidArgument, Not(HasSubstr("s3cret"))));
  }
}

TEST(Uri, ParseFileRefusesOtherSchemes) {
  EXPECT_THAT(ParseFile("pkcs11:token=t"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("file")));
}

TEST(Uri, FormatsWhatAFilePathMayHold) {
  EXPECT_EQ(Format(FileUri{"/var/a b/c-d_e.f~?#%\xc3\xa9"}), "file:///var/a%20b/c-d_e.f~%3F%23%25%C3%A9");
}

}  // namespace
}  // namespace aziot::uri
