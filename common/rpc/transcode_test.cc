#include "common/rpc/transcode.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "aziot/certificates/v1/certificates.pb.h"
#include "aziot/config/v1/keyd.pb.h"
#include "aziot/identity/v1/identity.pb.h"
#include "aziot/keys/v1/keys.pb.h"

namespace aziot::rpc {
namespace {

using certificates::v1::CreateCertificateRequest;
using identity::v1::Identity;
using identity::v1::IdentityList;
using identity::v1::ProvisioningInfo;
using keys::v1::CreateKeyRequest;
using keys::v1::EncryptRequest;
using keys::v1::SignRequest;

TEST(ReadJsonTest, ReadsASignRequest) {
  SignRequest request;
  ASSERT_TRUE(
      ReadJson(R"({"keyHandle":"sr=a\/b&sig=c","algorithm":"ECDSA","parameters":{"digest":"AQID"},"x":[{}]})",
               {}, request)
          .ok());
  EXPECT_EQ(request.key_handle(), "sr=a/b&sig=c");
  EXPECT_EQ(request.algorithm(), "ECDSA");
  EXPECT_EQ(request.parameters().digest(), "\x01\x02\x03");
  EXPECT_FALSE(request.parameters().has_message());
}

struct RefusedCase {
  const char* name;
  std::string json;
  absl::string_view text;
};
class Refused : public testing::TestWithParam<RefusedCase> {};

TEST_P(Refused, NamesTheMemberAndNotTheValue) {
  EncryptRequest request;
  const absl::Status status = ReadJson(GetParam().json, {}, request);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), GetParam().text);
  EXPECT_EQ(status.message().find("SECRET"), absl::string_view::npos);
}

std::string Encrypt(absl::string_view members) {
  return absl::StrCat(R"({"keyHandle":"h","algorithm":"AEAD",)", members, "}");
}

INSTANTIATE_TEST_SUITE_P(
    All, Refused,
    testing::Values(
        RefusedCase{"Missing", Encrypt(R"("parameters":{"iv":"AA==","aad":""})"),
                    "missing member \"plaintext\""},
        RefusedCase{"MissingInside", Encrypt(R"("plaintext":"","parameters":{"iv":"AA=="})"),
                    "missing member \"parameters.aad\""},
        RefusedCase{"NullIsMissing", Encrypt(R"("plaintext":null)"), "missing member \"plaintext\""},
        RefusedCase{"LastNullWins", Encrypt(R"("plaintext":"AA==","plaintext":null)"),
                    "missing member \"plaintext\""},
        RefusedCase{"Number", Encrypt(R"("plaintext":7)"), "member \"plaintext\": expected a string"},
        RefusedCase{"Bool", Encrypt(R"("plaintext":true)"), "member \"plaintext\": expected a string"},
        RefusedCase{"Object", Encrypt(R"("plaintext":{})"), "member \"plaintext\": expected a string"},
        RefusedCase{"List", Encrypt(R"("plaintext":["AA=="])"), "member \"plaintext\": expected a string"},
        RefusedCase{"NotAnObject", Encrypt(R"("plaintext":"","parameters":"SECRET")"),
                    "member \"parameters\": expected an object"},
        RefusedCase{"Unpadded", Encrypt(R"("plaintext":"U0VDUkVU00")"),
                    "member \"plaintext\": expected padded base64"},
        RefusedCase{"UrlSafe", Encrypt(R"("plaintext":"__8=")"),
                    "member \"plaintext\": expected padded base64"},
        RefusedCase{"Newline", Encrypt("\"plaintext\":\"AA==\\n\""),
                    "member \"plaintext\": expected padded base64"},
        RefusedCase{"InsideBase64", Encrypt(R"("plaintext":"","parameters":{"iv":"A"})"),
                    "member \"parameters.iv\": expected padded base64"},
        RefusedCase{"Empty", "", "not valid JSON at byte 1"},
        RefusedCase{"Cut", "{\"SECRET", "not valid JSON at byte 9"},
        RefusedCase{"SingleQuotes", "{'keyHandle':'SECRET'}", "not valid JSON at byte 2"},
        RefusedCase{"TrailingComma", Encrypt(R"("plaintext":"",)"), "not valid JSON at byte 52"},
        RefusedCase{"Garbage", Encrypt(R"("plaintext":"")") + "SECRET", "not valid JSON at byte 52"},
        RefusedCase{"Nul", Encrypt(R"("plaintext":"")") + std::string("\0{", 2),
                    "not valid JSON: it contains a NUL"},
        RefusedCase{"BrokenUtf8", "{\"keyHandle\":\"\xFFSECRET\"}", "not valid JSON at byte 15"},
        RefusedCase{"LoneSurrogate", "{\"keyHandle\":\"\\ud800\"}", "not valid JSON at byte 21"},
        RefusedCase{"RootString", "\"SECRET\"", "expected an object"},
        RefusedCase{"RootNull", "null", "expected an object"},
        RefusedCase{"RootList", "[]", "expected an object"},
        RefusedCase{"RootNumber", "1", "expected an object"},
        RefusedCase{"Deep", absl::StrCat("{\"x\":", std::string(128, '['), std::string(128, ']'), "}"),
                    "JSON nested too deeply"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(ReadJsonTest, OptionalMembersMayBeAbsentOrNull) {
  for (const char* json :
       {R"({"keyId":"k","usage":"sign"})", R"({"keyId":"k","usage":"sign","keyBytes":null})"}) {
    CreateKeyRequest request;
    ASSERT_TRUE(ReadJson(json, {}, request).ok());
    EXPECT_FALSE(request.has_key_bytes());
  }
  CreateKeyRequest request;
  ASSERT_TRUE(ReadJson(R"({"keyId":"","usage":"","keyBytes":""})", {}, request).ok());
  EXPECT_TRUE(request.has_key_bytes());
}

TEST(ReadJsonTest, TheLastOfRepeatedMembersWins) {
  SignRequest request;
  ASSERT_TRUE(ReadJson(R"({"keyHandle":"a","keyHandle":"b","algorithm":"x",
                           "parameters":{"digest":"AQ=="},"parameters":{"message":"Ag=="}})",
                       {}, request)
                  .ok());
  EXPECT_EQ(request.key_handle(), "b");
  EXPECT_FALSE(request.parameters().has_digest());
  EXPECT_EQ(request.parameters().message(), "\x02");
}

TEST(ReadJsonTest, ProtoNamesAreUnknownMembers) {
  SignRequest request;
  EXPECT_FALSE(ReadJson(R"({"key_handle":"a","algorithm":"x","parameters":{}})", {}, request).ok());
}

TEST(ReadJsonTest, GivenFieldsAreNeitherRequiredNorRead) {
  keys::v1::MoveRequest request;
  request.set_to("path");
  const Fields given = {request.GetDescriptor()->FindFieldByName("to")};
  ASSERT_TRUE(ReadJson(R"({"from":"a","to":{"b":[7]}})", given, request).ok());
  EXPECT_EQ(request.to(), "path");
  EXPECT_EQ(request.from(), "a");
}

TEST(ReadJsonTest, NumbersAreWholeAndInRange) {
  const auto read = [](absl::string_view days) {
    CreateCertificateRequest request;
    const absl::Status status =
        ReadJson(absl::StrCat(R"({"certId":"c","csr":"p","expiryDays":)", days, "}"), {}, request);
    return status.ok() ? absl::StrCat(request.expiry_days()) : std::string(status.message());
  };
  EXPECT_EQ(read("0"), "0");
  EXPECT_EQ(read("4294967295"), "4294967295");
  const std::string refused = "member \"expiryDays\": expected a whole number from 0 to 4294967295";
  for (const char* days : {"4294967296", "-1", "1.0", "1e3", "18446744073709551615", "99999999999999999999",
                           "\"1\"", "true", "[1]"}) {
    EXPECT_EQ(read(days), refused) << days;
  }
  EXPECT_EQ(read("null"), "0");
  EXPECT_EQ(read("01"), "not valid JSON at byte 39");
}

TEST(ReadJsonTest, ListsAreRead) {
  IdentityList list;
  ASSERT_TRUE(ReadJson(R"({"identities":[{"type":"aziot","spec":{"deviceId":"d"}},{"type":"x","spec":{}}]})",
                       {}, list)
                  .ok());
  ASSERT_EQ(list.identities_size(), 2);
  EXPECT_EQ(list.identities(0).spec().device_id(), "d");
  const auto text = [](absl::string_view json) {
    IdentityList list;
    return std::string(ReadJson(json, {}, list).message());
  };
  EXPECT_EQ(text("{}"), "missing member \"identities\"");
  EXPECT_EQ(text(R"({"identities":{}})"), "member \"identities\": expected a list");
  EXPECT_EQ(text(R"({"identities":[null]})"), "member \"identities\": expected an object");
  EXPECT_EQ(text(R"({"identities":[[]]})"), "member \"identities\": expected an object");
  EXPECT_EQ(text(R"({"identities":[{"type":"a"}]})"), "missing member \"identities.spec\"");
}

TEST(JsonTextTest, AnyDocumentIsKeptAsCompactText) {
  const auto kept = [](absl::string_view payload) {
    ProvisioningInfo info;
    const absl::Status status =
        ReadJson(absl::StrCat(R"({"source":"dps","payload":)", payload, "}"), {}, info);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(WriteJson(info), absl::StrCat(R"({"source":"dps","payload":)", info.payload(), "}"));
    return info.payload();
  };
  EXPECT_EQ(
      kept(
          R"( { "a" : [ 1 , -2.50, true, null, "x\ny" , {} , [] ], "b" : { "c" : 12345678901234567890123 } } )"),
      R"({"a":[1,-2.50,true,null,"x\ny",{},[]],"b":{"c":12345678901234567890123}})");
  EXPECT_EQ(kept("null"), "null");
  EXPECT_EQ(kept("\"text\""), "\"text\"");
  EXPECT_EQ(kept("17"), "17");
  EXPECT_EQ(kept("-17"), "-17");
  EXPECT_EQ(kept("1.0"), "1.0");
  EXPECT_EQ(kept("false"), "false");
  EXPECT_EQ(kept("[]"), "[]");
}

TEST(JsonTextTest, TheLastDocumentWins) {
  ProvisioningInfo info;
  ASSERT_TRUE(ReadJson(R"({"payload":{"a":1},"source":"dps","payload":[2]})", {}, info).ok());
  EXPECT_EQ(info.payload(), "[2]");
}

TEST(JsonTextTest, WhatIsNoDocumentIsWrittenAsNull) {
  ProvisioningInfo info;
  info.set_source("dps");
  info.set_payload("{\"cut\":");
  EXPECT_EQ(WriteJson(info), R"({"source":"dps","payload":null})");
}

TEST(WriteJsonTest, WritesEveryFieldWithoutOptional) {
  EXPECT_EQ(WriteJson(SignRequest()), R"({"keyHandle":"","algorithm":"","parameters":{}})");
  EXPECT_EQ(WriteJson(IdentityList()), R"({"identities":[]})");
  EXPECT_EQ(WriteJson(keys::v1::Done()), "{}");
  EXPECT_EQ(WriteJson(CreateKeyRequest()), R"({"keyId":"","usage":""})");
  CreateKeyRequest request;
  request.set_key_bytes("");
  EXPECT_EQ(WriteJson(request), R"({"keyId":"","keyBytes":"","usage":""})");
}

TEST(WriteJsonTest, WritesAnIdentityInTheOrderOfItsContract) {
  Identity identity;
  identity.set_type("aziot");
  auto& spec = *identity.mutable_spec();
  spec.mutable_auth()->set_key_handle("sr=a/b+c==&sig=d");
  spec.mutable_auth()->set_type("sas");
  spec.set_device_id("d\xC3\xA4");
  spec.set_hub_name("h");
  EXPECT_EQ(WriteJson(identity),
            "{\"type\":\"aziot\",\"spec\":{\"hubName\":\"h\",\"deviceId\":\"d\xC3\xA4\",\"auth\":"
            "{\"type\":\"sas\",\"keyHandle\":\"sr=a/b+c==&sig=d\"}}}");
}

TEST(WriteJsonTest, TextIsAlwaysAValidString) {
  std::string out;
  AppendJsonString(absl::string_view("\"\\/\b\f\n\r\t\x01\x1f\0\x7f", 12), out);
  EXPECT_EQ(out, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u0000\x7f\"");
  out.clear();
  AppendJsonString("a\xFF\"\xC3\xA4\xE2\x82", out);
  EXPECT_EQ(out, "\"a\xEF\xBF\xBD\\\"\xC3\xA4\xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_TRUE(CheckJson(out).ok());
}

TEST(WriteJsonTest, SkippedFieldsAreLeftOut) {
  keys::v1::MoveRequest request;
  request.set_from("a");
  EXPECT_EQ(WriteJson(request, {request.GetDescriptor()->FindFieldByName("to")}), R"({"from":"a"})");
}

TEST(WriteJsonTest, WhatWasWrittenIsReadAgain) {
  EncryptRequest request;
  request.set_key_handle("h");
  request.set_algorithm("AEAD");
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  request.set_plaintext(all);
  request.mutable_parameters()->set_iv("i");
  EncryptRequest again;
  ASSERT_TRUE(ReadJson(WriteJson(request), {}, again).ok());
  EXPECT_EQ(again.SerializeAsString(), request.SerializeAsString());
}

TEST(CheckJsonTest, AcceptsAnyDocumentAndNothingElse) {
  for (const char* json : {"null", "1", "\"x\"", "[]", " {\"a\":[1,2,{}]} "})
    EXPECT_TRUE(CheckJson(json).ok()) << json;
  for (const char* json : {"", "{", "nul", "{}{}", "[1,]", "// x\n1", "NaN", "1e999"}) {
    EXPECT_FALSE(CheckJson(json).ok()) << json;
  }
  EXPECT_TRUE(CheckJson(std::string(128, '[') + std::string(128, ']')).ok());
  EXPECT_FALSE(CheckJson(std::string(129, '[') + std::string(129, ']')).ok());
  EXPECT_FALSE(CheckJson(std::string(1'000'000, '[')).ok());
}

TEST(CheckTranscodableTest, NamesTheFieldThatIsNot) {
  EXPECT_TRUE(CheckTranscodable(IdentityList::descriptor()).ok());
  const absl::Status status = CheckTranscodable(config::v1::Keyd::descriptor());
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("maps are not transcoded"), absl::string_view::npos) << status;
}

}  // namespace
}  // namespace aziot::rpc
