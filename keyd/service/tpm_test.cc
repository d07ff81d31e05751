// What a caller of the TPM service reads: statuses and texts. The TPM's work has tests of its own.
#include "keyd/service/tpm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/openssl/digest.h"
#include "common/rpc/wire_status.h"
#include "common/testing/status_matchers.h"
#include "common/testing/swtpm.h"
#include "keyd/tpm/test_challenge.h"

namespace aziot::keyd {
namespace {

namespace v1 = ::aziot::tpm::v1;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

template <class Message>
std::string TextOf(const Message& bytes) {
  return std::string(bytes.begin(), bytes.end());
}

class TpmServiceTest : public ::testing::Test {
 protected:
  TpmServiceTest() { call_.RunOn(TpmService::TpmLane()); }

  static std::unique_ptr<tpm::Tpm> Open(const std::string& tcti) {
    tpm::TpmOptions options;
    options.tcti = tcti;
    return tpm::Tpm::New(std::move(options));
  }
  static v1::SignWithAuthKeyRequest ToSign(const std::string& data) {
    v1::SignWithAuthKeyRequest request;
    request.set_data(data);
    return request;
  }
  v1::ImportAuthKeyRequest Wrapped(const Bytes& hmac_key) {
    const auto keys = service_.GetTpmKeys(call_, {});
    EXPECT_THAT(keys, IsOk());
    if (!keys.ok()) return {};
    v1::ImportAuthKeyRequest request;
    request.set_key(
        TextOf(tpm::Wrap({ToBytes(keys->endorsement_key()), ToBytes(keys->storage_root_key()), hmac_key})));
    return request;
  }
  // What a caller is told: an internal error, whose cause is in the log.
  static void ExpectInternal(const absl::Status& status, const char* cause) {
    const rpc::WireStatus wire = rpc::ToWire(status);
    EXPECT_EQ(wire.http, 500);
    EXPECT_EQ(wire.message, "internal error");
    EXPECT_TRUE(wire.text_withheld);
    EXPECT_THAT(std::string(status.message()), HasSubstr(cause));
  }

  rpc::CallContext call_{net::Peer{.uid = 1000}, "2020-09-01", absl::InfiniteFuture()};
  testing::Swtpm swtpm_;
  std::unique_ptr<tpm::Tpm> tpm_ = Open(swtpm_.tcti());
  tpm::Attestation attestation_{*tpm_, 0x81000100};
  TpmService service_{attestation_};
};

TEST_F(TpmServiceTest, KeysImportAndSignature) {
  const Bytes key(32, 7);
  EXPECT_THAT(service_.ImportAuthKey(call_, Wrapped(key)), IsOk());
  const auto reply = service_.SignWithAuthKey(call_, ToSign("data"));
  ASSERT_THAT(reply, IsOk());
  EXPECT_EQ(reply->digest(), TextOf(openssl::HmacSha256(key, ToBytes("data"))));
}

TEST_F(TpmServiceTest, SigningBeforeTheImportIsTheCallersMistake) {
  const auto reply = service_.SignWithAuthKey(call_, ToSign("data"));
  const rpc::WireStatus wire = rpc::ToWire(reply.status());
  EXPECT_EQ(wire.http, 400);
  EXPECT_EQ(wire.message, "no authentication key has been imported into the TPM: call import_auth_key first");
}

TEST_F(TpmServiceTest, WhatIsNoKeyIsAnInternalError) {
  v1::ImportAuthKeyRequest request;
  ExpectInternal(service_.ImportAuthKey(call_, request).status(), "TPM2B_ID_OBJECT: its length is missing");
  request = Wrapped(Bytes(32, 7));
  request.mutable_key()->at(100) ^= 1;
  ExpectInternal(service_.ImportAuthKey(call_, request).status(), "TPM2_ActivateCredential");
}

TEST_F(TpmServiceTest, WithoutATpmEverythingIsAnInternalError) {
  swtpm_.Kill();
  ExpectInternal(service_.GetTpmKeys(call_, {}).status(), "TCTI");
  ExpectInternal(service_.ImportAuthKey(call_, {}).status(), "TCTI");
  ExpectInternal(service_.SignWithAuthKey(call_, ToSign("data")).status(), "TCTI");
}

TEST_F(TpmServiceTest, NothingOfItRunsWhereRequestsAreRead) {
  rpc::CallContext call(net::Peer{.uid = 1000}, "2020-09-01", absl::InfiniteFuture());
  EXPECT_TRUE(rpc::CallContext::IsMark(service_.GetTpmKeys(call, {}).status()));
  EXPECT_TRUE(rpc::CallContext::IsMark(service_.ImportAuthKey(call, {}).status()));
  EXPECT_TRUE(rpc::CallContext::IsMark(service_.SignWithAuthKey(call, {}).status()));
  EXPECT_EQ(call.wanted(), TpmService::TpmLane());
}

}  // namespace
}  // namespace aziot::keyd
