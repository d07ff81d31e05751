// What every backend does, whatever holds its keys. A backend's test instantiates KeyBackendContract once and
// adds what is peculiar to it.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "keyd/backend/key_backend.h"

namespace aziot::keyd::testing {

struct BackendUnderTest {
  virtual ~BackendUnderTest() = default;
  virtual KeyBackend& backend() = 0;
};

struct ContractParameter {
  std::string name;
  std::function<std::unique_ptr<BackendUnderTest>()> make;
};

class KeyBackendContract : public ::testing::TestWithParam<ContractParameter> {
 protected:
  KeyBackend& backend() { return made_->backend(); }

  const KeyId id_ = *KeyId::Parse("device-id");
  const KeyId other_ = *KeyId::Parse("device-id-temp");

 private:
  const std::unique_ptr<BackendUnderTest> made_ = GetParam().make();
};

inline std::string ContractName(const ::testing::TestParamInfo<ContractParameter>& info) {
  return info.param.name;
}

}  // namespace aziot::keyd::testing
