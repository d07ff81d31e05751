#include "keyd/backend/tpm2/tss2_pem.h"

#include <gmock/gmock.h>

#include "common/bytes/base64.h"
#include "common/bytes/hex.h"
#include "common/testing/status_matchers.h"
#include "keyd/backend/tpm2/der.h"
#include "keyd/backend/tpm2/ecdsa_value.h"
#include "keyd/backend/tpm2/key_templates.h"
#include "keyd/backend/tpm2/tpm_key.h"
#include "keyd/backend/tpm2/type1_padding.h"
#include "keyd/tpm/marshal.h"

namespace aziot::keyd::tpm2 {
namespace {

using aziot::testing::IsOk;
using aziot::testing::StatusIs;
using ::testing::HasSubstr;
using enum absl::StatusCode;

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Bytes Hex(absl::string_view text) { return *ParseHex(text); }

Tss2Key SomeKey() {
  Tss2Key key{.parent = 0x81000001};
  key.area = PairTemplate(KeyAlgorithm::kEcP256);
  TPMS_ECC_POINT& point = key.area.publicArea.unique.ecc;
  point.x = {.size = 32};
  point.x.buffer[31] = 7;
  point.y = {.size = 32};
  point.y.buffer[31] = 3;
  key.wrapped = {.size = 100};
  return key;
}

std::string Pem(BytesView der) {
  return "-----BEGIN TSS2 PRIVATE KEY-----\n" + FormatBase64(der) + "\n-----END TSS2 PRIVATE KEY-----\n";
}

const Bytes kOid = Hex("06066781050a0103");
const Bytes kParent = Hex("02050081000001");

Bytes Halves() {
  const Tss2Key key = SomeKey();
  return DerElement(kDerOctetString, *tpm::FormatPublic(key.area)) +
         DerElement(kDerOctetString, *tpm::FormatPrivate(key.wrapped));
}
std::string File(const Bytes& head) { return Pem(DerElement(kDerSequence, head + Halves())); }

TEST(Tss2Pem, IsReadBackAsWritten) {
  for (const auto type : {Tss2Key::Type::kLoadable, Tss2Key::Type::kSealed}) {
    for (const TPM2_HANDLE parent : {0x81000001u, 0x40000001u, 0x8180abcdu}) {
      for (const bool empty_auth : {true, false}) {
        Tss2Key key = SomeKey();
        key.type = type;
        key.parent = parent;
        key.empty_auth = empty_auth;
        const auto text = FormatTss2Pem(key);
        ASSERT_THAT(text, IsOk());
        const auto again = ParseTss2Pem(*text);
        ASSERT_THAT(again, IsOk());
        EXPECT_EQ(again->type, type);
        EXPECT_EQ(again->parent, parent);
        EXPECT_EQ(again->empty_auth, empty_auth);
        EXPECT_EQ(*tpm::FormatPublic(again->area), *tpm::FormatPublic(key.area));
        EXPECT_EQ(*tpm::FormatPrivate(again->wrapped), *tpm::FormatPrivate(key.wrapped));
      }
    }
  }
}

struct FileCase {
  const char* name;
  Bytes head;
  absl::StatusCode code;
  const char* message;
};
class FileTest : public ::testing::TestWithParam<FileCase> {};

TEST_P(FileTest, IsReadOrRefusedByName) {
  const auto key = ParseTss2Pem(File(GetParam().head));
  EXPECT_THAT(key.status(), StatusIs(GetParam().code, HasSubstr(GetParam().message)));
  if (key.ok()) {
    EXPECT_EQ(key->parent & 0xff, 1u);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, FileTest,
    ::testing::Values(
        FileCase{"Plain", kOid + kParent, kOk, ""},
        FileCase{"TrueIs01", kOid + Hex("a003010101") + kParent, kOk, ""},
        FileCase{"TrueIsFf", kOid + Hex("a0030101ff") + kParent, kOk, ""},
        FileCase{"NegativeParent", kOid + Hex("020481000001"), kOk, ""},
        FileCase{"OwnerHierarchy", kOid + Hex("020440000001"), kOk, ""},
        FileCase{"Description", kOid + Hex("a0030101ffa4030c0161") + kParent, kOk, ""},
        FileCase{"RsaParentFalse", kOid + Hex("a503010100") + kParent, kOk, ""},
        FileCase{"RsaParent", kOid + Hex("a5030101ff") + kParent, kFailedPrecondition, "RSA primary"},
        FileCase{"Policy", kOid + Hex("a1023000") + kParent, kFailedPrecondition, "policy"},
        FileCase{"Secret", kOid + Hex("a2020400") + kParent, kFailedPrecondition, "secret"},
        FileCase{"Importable", Hex("06066781050a0104") + kParent, kFailedPrecondition, "import"},
        FileCase{"OtherType", Hex("06066781050a0109") + kParent, kInvalidArgument, "type"},
        FileCase{"NoType", kParent, kInvalidArgument, "type"},
        FileCase{"NoParent", kOid, kInvalidArgument, "parent"},
        FileCase{"LongParent", kOid + Hex("0206008100000100"), kInvalidArgument, "parent"},
        FileCase{"LargeParent", kOid + Hex("02050181000001"), kInvalidArgument, "parent"},
        FileCase{"EmptyBoolean", kOid + Hex("a0020100") + kParent, kInvalidArgument, "boolean"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(Tss2Pem, EveryTornFileIsRefused) {
  const Bytes whole = DerElement(kDerSequence, kOid + kParent + Halves());
  ASSERT_THAT(ParseTss2Pem(Pem(whole)), IsOk());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(ParseTss2Pem(Pem(BytesView(whole).first(size))), StatusIs(kInvalidArgument)) << size;
  }
  EXPECT_THAT(ParseTss2Pem(Pem(whole + Bytes{0})), StatusIs(kInvalidArgument));
  EXPECT_THAT(ParseTss2Pem(Pem(DerElement(kDerSequence, kOid + kParent + Halves() + Hex("0500")))),
              StatusIs(kInvalidArgument));
  EXPECT_THAT(ParseTss2Pem(""), StatusIs(kInvalidArgument));
}

struct KeyCase {
  const char* name;
  void (*change)(Tss2Key& key);
  const char* message;
};
class UnusableTest : public ::testing::TestWithParam<KeyCase> {};

TEST_P(UnusableTest, IsNamed) {
  Tss2Key key = SomeKey();
  ASSERT_THAT(TpmKey::FromFile(key), IsOk());
  GetParam().change(key);
  EXPECT_THAT(TpmKey::FromFile(key), StatusIs(kFailedPrecondition, HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    All, UnusableTest,
    ::testing::Values(
        KeyCase{"Password", [](Tss2Key& key) { key.empty_auth = false; }, "password"},
        KeyCase{"TransientParent", [](Tss2Key& key) { key.parent = 0x80000000; }, "0x80000000"},
        KeyCase{"OtherHierarchy", [](Tss2Key& key) { key.parent = TPM2_RH_ENDORSEMENT; }, "0x4000000b"},
        KeyCase{"Policy",
                [](Tss2Key& key) { key.area.publicArea.objectAttributes &= ~TPMA_OBJECT_USERWITHAUTH; },
                "policy"},
        KeyCase{"Restricted",
                [](Tss2Key& key) { key.area.publicArea.objectAttributes |= TPMA_OBJECT_RESTRICTED; },
                "restricted"},
        KeyCase{"SealedByName", [](Tss2Key& key) { key.type = Tss2Key::Type::kSealed; }, "type"},
        KeyCase{"Cipher", [](Tss2Key& key) { key.area.publicArea.type = TPM2_ALG_SYMCIPHER; }, "0x0025"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(TpmKey, PublicParametersNeedNoTpm) {
  const auto ec = *TpmKey::FromFile(SomeKey());
  EXPECT_EQ(ec->family(), KeyFamily::kEc);
  EXPECT_EQ(FormatHex(*ec->PublicParameter(PairParameter::kEcPoint)), "03" + std::string(62, '0') + "07");
  EXPECT_EQ(FormatHex(*ec->PublicParameter(PairParameter::kEcCurveOid)), "06082a8648ce3d030107");
  EXPECT_THAT(ec->PublicParameter(PairParameter::kRsaModulus), StatusIs(kInvalidArgument));

  Tss2Key rsa = SomeKey();
  rsa.area = PairTemplate(KeyAlgorithm::kRsa2048);
  rsa.area.publicArea.unique.rsa = {.size = 3, .buffer = {0, 0x80, 1}};
  EXPECT_EQ(*(*TpmKey::FromFile(rsa))->PublicParameter(PairParameter::kRsaModulus), (Bytes{0x80, 1}));
  EXPECT_EQ(*(*TpmKey::FromFile(rsa))->PublicParameter(PairParameter::kRsaExponent), (Bytes{1, 0, 1}));
  rsa.area.publicArea.parameters.rsaDetail.exponent = 3;
  EXPECT_EQ(*(*TpmKey::FromFile(rsa))->PublicParameter(PairParameter::kRsaExponent), (Bytes{3}));
}

// tpm.md, section 7.3.
TEST(KeyTemplates, AttributesAreThoseOfTheTable) {
  EXPECT_EQ(PairTemplate(KeyAlgorithm::kEcP256).publicArea.objectAttributes, 0x00040472u);
  EXPECT_EQ(PairTemplate(KeyAlgorithm::kRsa2048).publicArea.objectAttributes, 0x00060472u);
  EXPECT_EQ(HmacTemplate(Origin::kTpm).publicArea.objectAttributes, 0x00040472u);
  EXPECT_EQ(HmacTemplate(Origin::kGiven).publicArea.objectAttributes, 0x00040452u);
  EXPECT_EQ(SealTemplate().publicArea.objectAttributes, 0x00000452u);
}

TEST(EcdsaValue, IntegersAreMinimalAndPositive) {
  EXPECT_EQ(FormatHex(FormatEcdsaValue(Hex("0001"), Hex("80"))), "300702010102020080");
  EXPECT_EQ(FormatHex(FormatEcdsaValue(Hex("7f"), Hex("0000"))), "300602017f020100");
  EXPECT_EQ(FormatEcdsaValue(Bytes(66, 0xff), Bytes(66, 0xff)).size(), 3 + 2 * (2 + 67u));
}

TEST(Type1Padding, LeavesRoomForEightBytes) {
  EXPECT_EQ(FormatHex(*PadType1(Hex("aabb"), 13)), "0001ffffffffffffffff00aabb");
  EXPECT_EQ(FormatHex(*PadType1({}, 11)), "0001ffffffffffffffff00");
  EXPECT_THAT(PadType1(Hex("aabb"), 12), StatusIs(kInternal));
  EXPECT_THAT(PadType1({}, 10), StatusIs(kInternal));
}

TEST(Der, LengthsOfEveryForm) {
  for (const size_t size : {0u, 127u, 128u, 255u, 256u, 65535u, 65536u}) {
    const Bytes element = DerElement(kDerOctetString, Bytes(size, 5));
    DerReader reader(element);
    const auto content = reader.Take(kDerOctetString);
    ASSERT_TRUE(content.has_value()) << size;
    EXPECT_EQ(content->size(), size);
    EXPECT_TRUE(reader.empty());
  }
  for (const char* wrong : {"04", "0480", "0485", "0401", "048101", "0484000000010a"}) {
    const absl::StatusOr<Bytes> bytes = ParseHex(wrong);
    if (bytes.ok()) {
      EXPECT_FALSE(DerReader(*bytes).Take(kDerOctetString).has_value()) << wrong;
    }
  }
}

}  // namespace
}  // namespace aziot::keyd::tpm2
