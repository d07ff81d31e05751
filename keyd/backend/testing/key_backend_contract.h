// What every backend does, whatever holds its keys. A backend's test instantiates KeyBackendContract once and
// adds what is peculiar to it.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "keyd/backend/key_backend.h"

namespace aziot::keyd::testing {

struct BackendUnderTest {
  virtual ~BackendUnderTest() = default;
  virtual KeyBackend& backend() = 0;
};

// What a place can hold and do. What it cannot is asserted to be a clear kUnimplemented: another place may.
struct Capabilities {
  bool hmac = true;             // makes and keeps keys to sign and derive with
  bool aead = true;             // makes and keeps keys to encrypt with
  bool imports = true;          // takes symmetric keys made elsewhere
  bool rsa = true;              // makes RSA-2048 pairs
  bool rsa_raw = true;          // does the private operation without padding
  bool keeps_to_usage = false;  // a key serves one usage; both at once, or the other one, is kInvalidArgument
  bool tells_absence = true;    // or says kInvalidArgument for what is not there
  bool moves = true;            // or answers moves and deletions with OK and does nothing
  std::vector<size_t> iv_sizes = {1, 12, 32, 128};
};

struct ContractParameter {
  std::string name;
  std::function<std::unique_ptr<BackendUnderTest>()> make;
  Capabilities can = {};
};

class KeyBackendContract : public ::testing::TestWithParam<ContractParameter> {
 protected:
  KeyBackend& backend() { return made_->backend(); }
  static const Capabilities& Can() { return GetParam().can; }
  // Whether `status` says that there is no such key.
  static bool IsAbsent(const absl::Status& status) {
    return Can().tells_absence ? absl::IsNotFound(status) : absl::IsInvalidArgument(status);
  }

  const KeyId id_ = *KeyId::Parse("device-id");
  const KeyId other_ = *KeyId::Parse("device-id-temp");

 private:
  const std::unique_ptr<BackendUnderTest> made_ = GetParam().make();
};

inline std::string ContractName(const ::testing::TestParamInfo<ContractParameter>& info) {
  return info.param.name;
}

}  // namespace aziot::keyd::testing
