// The TPM service's work over a software TPM of the test's own. For tests only.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "common/openssl/digest.h"
#include "common/status/status_macros.h"
#include "common/testing/status_matchers.h"
#include "common/testing/swtpm.h"
#include "keyd/tpm/attestation.h"
#include "keyd/tpm/persistent.h"
#include "keyd/tpm/test_challenge.h"

namespace aziot::keyd::tpm {

constexpr TPM2_HANDLE kAuthKey = 0x81000100;

class AttestationTest : public ::testing::Test {
 protected:
  AttestationTest() { Open({}); }

  // As after a start of the process.
  void Open(TpmOptions options) {
    attestation_.reset();
    tpm_.reset();
    options.tcti = swtpm_.tcti();
    tpm_ = Tpm::New(std::move(options));
    attestation_ = std::make_unique<Attestation>(*tpm_, kAuthKey);
  }
  void Open(const std::string& owner, const std::string& endorsement) {
    TpmOptions options;
    options.owner_auth = Secret(ToBytesView(owner));
    options.endorsement_auth = Secret(ToBytesView(endorsement));
    Open(std::move(options));
  }

  Challenge ChallengeFor(Bytes hmac_key) {
    const auto keys = attestation_->Keys();
    EXPECT_THAT(keys, testing::IsOk());
    if (!keys.ok()) return {};
    return {keys->endorsement_key, keys->storage_root_key, std::move(hmac_key)};
  }
  void Import(const Bytes& hmac_key) {
    ASSERT_THAT(attestation_->Import(Wrap(ChallengeFor(hmac_key))), testing::IsOk());
  }
  void ExpectSignsWith(const Bytes& hmac_key) {
    for (const size_t size : {0, 1, 1023, 1024, 1025, 2048, 3000}) {
      const Bytes data(size, 'd');
      EXPECT_THAT(attestation_->Sign(data),
                  testing::IsOkAndHolds(::testing::Optional(openssl::HmacSha256(hmac_key, data))))
          << size << " bytes";
    }
  }
  void ExpectNoKey() { EXPECT_THAT(attestation_->Sign(data_), testing::IsOkAndHolds(std::nullopt)); }

  void Do(absl::FunctionRef<absl::Status(TpmContext&)> work) {
    ASSERT_THAT(tpm_->Use(work), testing::IsOk());
  }
  void PersistAt(TPM2_HANDLE handle, const TPM2B_PUBLIC& area) {
    Do([&](TpmContext& tpm) -> absl::Status {
      ASSIGN_OR_RETURN(const Transient key, CreatePrimary(tpm, ESYS_TR_RH_OWNER, area));
      return Persist(tpm, key.get(), handle);
    });
  }
  void SetPassword(ESYS_TR hierarchy, absl::string_view password) {
    Do([&](TpmContext& tpm) {
      TPM2B_AUTH auth{};
      auth.size = static_cast<UINT16>(password.size());
      std::copy(password.begin(), password.end(), auth.buffer);
      return tpm.Run("TPM2_HierarchyChangeAuth", [&] {
        return Esys_HierarchyChangeAuth(tpm.esys(), hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                        &auth);
      });
    });
  }

  testing::Swtpm swtpm_;
  std::unique_ptr<Tpm> tpm_;
  std::unique_ptr<Attestation> attestation_;
  const Bytes first_ = Bytes(32, 1);
  const Bytes second_ = Bytes(32, 2);
  const Bytes data_ = ToBytes("hub%2Fdevice\n1700000000");
};

}  // namespace aziot::keyd::tpm
