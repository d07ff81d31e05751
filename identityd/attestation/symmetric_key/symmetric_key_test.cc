#include "identityd/attestation/symmetric_key/symmetric_key.h"

#include <gtest/gtest.h>

#include "common/testing/manual_clock.h"
#include "common/testing/status_matchers.h"
#include "identityd/attestation/failure.h"
#include "identityd/attestation/testing/fake_key_service.h"
#include "identityd/attestation/url_encoding.h"

namespace aziot::identityd {
namespace {

using testing::IsOkAndHolds;

class SymmetricKeyTest : public ::testing::Test {
 protected:
  SymmetricKeyTest() { keys_.Put("device-id", FakeKeyService::CountingKey()); }

  FakeKeyService keys_;
  testing::ManualClock clock_{absl::FromUnixSeconds(1700000000)};
  SymmetricKeyAttestation attestation_{keys_, clock_};
  const Credential credential_{.kind = Credential::Kind::kSas, .key_id = "device-id", .cert_id = ""};
};

TEST_F(SymmetricKeyTest, HubTokenIsTheKnownOne) {
  EXPECT_THAT(
      attestation_.Authorization(credential_, "MyHub.azure-devices.net/devices/dev=1", "", absl::Seconds(30)),
      IsOkAndHolds("SharedAccessSignature sr=myhub.azure-devices.net/devices/dev%3D1"
                   "&sig=VFRzu1SHJCP%2FKkN%2BscTAS0B7QsIPYtQXsRt0XXMPDRU%3D&se=1700000030"));
}

TEST_F(SymmetricKeyTest, DpsTokenIsTheKnownOne) {
  EXPECT_THAT(
      attestation_.Authorization(credential_, "0ne00ABCDEF/registrations/r1", "registration",
                                 absl::Seconds(30)),
      IsOkAndHolds("SharedAccessSignature sr=0ne00abcdef/registrations/r1"
                   "&sig=uYKHWmGjpnr0idHVRVgqAiLKPux4dgmdYvh79EcaZgs%3D&se=1700000030&skn=registration"));
}

TEST_F(SymmetricKeyTest, AMissingKeydCountsAsNetwork) {
  keys_.set_away(true);
  const absl::Status status =
      attestation_.Authorization(credential_, "h/devices/d", "", absl::Seconds(1)).status();
  EXPECT_EQ(PartyOf(status), Party::kKeys);
  EXPECT_EQ(ReasonOf(status), Reason::kNetwork);
}

TEST_F(SymmetricKeyTest, AMissingKeyDoesNot) {
  const Credential other{.kind = Credential::Kind::kSas, .key_id = "other", .cert_id = ""};
  const absl::Status status = attestation_.Authorization(other, "h/devices/d", "", absl::Seconds(1)).status();
  EXPECT_EQ(ReasonOf(status), Reason::kOther);
}

struct EncodingCase {
  const char* name;
  const char* text;
  const char* segment;
  const char* resource;
};
class UrlEncoding : public ::testing::TestWithParam<EncodingCase> {};

TEST_P(UrlEncoding, KeepsWhatServicesHaveAlwaysSeenRaw) {
  EXPECT_EQ(EncodeSegment(GetParam().text), GetParam().segment);
  EXPECT_EQ(EncodeResource(GetParam().text), GetParam().resource);
}
INSTANTIATE_TEST_SUITE_P(
    All, UrlEncoding,
    ::testing::Values(EncodingCase{"SystemModule", "$edgeAgent", "$edgeAgent", "$edgeAgent"},
                      EncodingCase{"Slash", "a/b", "a%2Fb", "a/b"},
                      EncodingCase{"Percent", "50%", "50%25", "50%25"},
                      EncodingCase{"Equals", "dev=1", "dev%3D1", "dev%3D1"},
                      EncodingCase{"Space", "a b?", "a%20b%3F", "a%20b%3F"},
                      EncodingCase{"Port", "localhost:8443", "localhost:8443", "localhost:8443"},
                      EncodingCase{"Utf8", "\xc3\xa4", "%C3%A4", "%C3%A4"}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace aziot::identityd
