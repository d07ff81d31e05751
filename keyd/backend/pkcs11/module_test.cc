// Modules that are none, tokens that are not there.
#include "keyd/backend/pkcs11/module.h"

#include "absl/strings/str_cat.h"
#include "keyd/backend/pkcs11/ckr_names.h"
#include "keyd/backend/pkcs11/encodings.h"
#include "keyd/backend/pkcs11/testing/token_fixture.h"

namespace aziot::keyd::pkcs11::testing {
namespace {

using aziot::testing::IsOk;
using aziot::testing::IsOkAndHolds;
using aziot::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ModuleTest, WhatIsNoModuleIsNamed) {
  for (const char* path : {"/nonexistent.so", "/etc/passwd", "/", "libcrypto.so.3"}) {
    EXPECT_THAT(Module::Load(path).status(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                      AllOf(HasSubstr(path), HasSubstr("pkcs11_lib_path"))));
  }
  EXPECT_THAT(Module::Load("libcrypto.so.3").status(),
              StatusIs(::testing::_, HasSubstr("C_GetFunctionList")));
}

TEST(ModuleTest, ABackendWithoutItsModuleAnswersAndSaysWhy) {
  TokenOptions options;
  options.module_path = "/nonexistent.so";
  options.token.token = "device";
  TokenBackend backend(std::move(options));
  EXPECT_THAT(backend.LoadKey(*KeyId::Parse("x")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("/nonexistent.so")));
  EXPECT_EQ(backend.LaneOf(*KeyId::Parse("x"), Operation::kEcdsa), Lane::Named("token:device"));
  ASSERT_EQ(backend.Lanes().size(), 1u);
  EXPECT_EQ(backend.Lanes()[0].threads, 4);
}

class SlotsTest : public TokenTest {
 protected:
  absl::Status Load(uri::Pkcs11Uri token) {
    TokenOptions options = Options();
    options.token = std::move(token);
    return TokenBackend(std::move(options)).CreateKey(id_, kSign);
  }
};

TEST_F(SlotsTest, TokensAreFoundByTheAttributesOfTheUri) {
  hsm_.AddToken("other");
  TokenInfo info;
  {
    OtherProgram other;
    info = *InfoOf(other.functions(), other.slot());
  }
  EXPECT_THAT(Load({.token = "device"}), IsOk());
  EXPECT_THAT(Load({.token = " device  "}), IsOk());
  EXPECT_THAT(Load({.slot_id = info.slot}), IsOk());
  EXPECT_THAT(Load({.token = "not looked at", .slot_id = info.slot}), IsOk());
  EXPECT_THAT(
      Load(
          {.token = "device", .manufacturer = info.manufacturer, .model = info.model, .serial = info.serial}),
      IsOk());
  for (const uri::Pkcs11Uri& wrong :
       {uri::Pkcs11Uri{.token = "devic"}, uri::Pkcs11Uri{.token = "Device"},
        uri::Pkcs11Uri{.slot_id = 999999}, uri::Pkcs11Uri{.token = "device", .serial = "0"},
        uri::Pkcs11Uri{.token = "device", .model = "x"}}) {
    EXPECT_THAT(Load(wrong), StatusIs(absl::StatusCode::kUnavailable,
                                      AllOf(HasSubstr("\"other\" in slot"), HasSubstr("pkcs11_base_slot"))));
  }
}

TEST(CkrTest, EveryCodeHasANameAndAStatus) {
  EXPECT_EQ(NameOfCkr(CKR_DEVICE_REMOVED), "CKR_DEVICE_REMOVED");
  EXPECT_EQ(NameOfCkr(CKR_VENDOR_DEFINED + 5), "CKR_VENDOR_DEFINED + 0x5");
  EXPECT_EQ(NameOfCkr(0x999), "CKR 0x999");
  EXPECT_THAT(ToStatus(CKR_OK, "C_Sign"), IsOk());
  for (const CkrName& row : kCkrNames) {
    if (row.code == CKR_OK) continue;
    const absl::Status status = ToStatus(row.code, "C_Sign");
    EXPECT_EQ(status.message(), absl::StrCat("C_Sign: ", row.name));
    EXPECT_EQ(CkrOf(status), row.code);
  }
  EXPECT_EQ(CkrOf(absl::InternalError("x")), std::nullopt);
}

TEST(EncodingsTest, Points) {
  Bytes raw = {4};
  for (int i = 0; i < 64; ++i) raw.push_back(static_cast<uint8_t>(i));
  Bytes wrapped = {4, 65};
  wrapped.insert(wrapped.end(), raw.begin(), raw.end());
  Bytes compressed = {3};
  compressed.insert(compressed.end(), raw.begin() + 1, raw.begin() + 33);
  EXPECT_THAT(CompressedPoint(raw), IsOkAndHolds(compressed));
  EXPECT_THAT(CompressedPoint(wrapped), IsOkAndHolds(compressed));
  EXPECT_THAT(CompressedPoint(compressed), IsOkAndHolds(compressed));
  for (const Bytes& wrong : {Bytes{}, Bytes{4}, Bytes{4, 65}, Bytes{0}, Bytes(200, 4), Bytes{5, 1, 2}}) {
    EXPECT_THAT(CompressedPoint(wrong), StatusIs(absl::StatusCode::kInternal));
  }
}

TEST(EncodingsTest, SignaturesAndDigests) {
  Bytes r_and_s(64, 0);
  r_and_s[31] = 0x80;
  r_and_s[63] = 1;
  EXPECT_THAT(DerSignature(r_and_s), IsOkAndHolds(Bytes{0x30, 7, 2, 2, 0, 0x80, 2, 1, 1}));
  for (const size_t size : {size_t{0}, size_t{1}, size_t{63}, size_t{134}}) {
    EXPECT_THAT(DerSignature(Bytes(size, 1)), StatusIs(absl::StatusCode::kInternal));
  }
  EXPECT_EQ(FittedDigest(Bytes{1, 2, 3}, 2), (Bytes{1, 2}));
  EXPECT_EQ(FittedDigest(Bytes{1, 2}, 4), (Bytes{0, 0, 1, 2}));
  EXPECT_EQ(FittedDigest({}, 2), (Bytes{0, 0}));
}

TEST(ObjectNameTest, MarkersGrowAndAsidesComeBack) {
  const Bytes first = NewMarker(0);
  const Bytes second = NewMarker(*NumberOfMarker(first) + 1);
  EXPECT_LT(first, second);
  // Also when the clock has gone back.
  EXPECT_EQ(NumberOfMarker(NewMarker(~uint64_t{0})), ~uint64_t{0});
  EXPECT_EQ(NumberOfMarker(Bytes(20, 1)), std::nullopt);
  EXPECT_EQ(NumberOfMarker({}), std::nullopt);
  EXPECT_EQ(LabelOfAside(AsideLabel("x")), "x");
  EXPECT_EQ(LabelOfAside("x"), std::nullopt);
}

}  // namespace
}  // namespace aziot::keyd::pkcs11::testing
