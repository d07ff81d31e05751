// The contract over SoftHSM2.
#include "common/testing/soft_hsm.h"

#include "keyd/backend/pkcs11/token_backend.h"
#include "keyd/backend/testing/key_backend_contract.h"

namespace aziot::keyd::testing {
namespace {

using aziot::testing::SoftHsm;

struct SoftHsmUnderTest final : BackendUnderTest {
  static pkcs11::TokenOptions Options() {
    pkcs11::TokenOptions options;
    options.module_path = SoftHsm::ModulePath();
    options.token.token = "device";
    options.pin_value = Secret(ToBytesView(SoftHsm::kPin));
    return options;
  }
  const SoftHsm hsm;
  pkcs11::TokenBackend token{Options()};
  KeyBackend& backend() override { return token; }
};

INSTANTIATE_TEST_SUITE_P(SoftHsm, KeyBackendContract,
                         ::testing::Values(ContractParameter{
                             "SoftHsm", [] { return std::make_unique<SoftHsmUnderTest>(); },
                             Capabilities{.keeps_to_usage = true}}),
                         ContractName);

}  // namespace
}  // namespace aziot::keyd::testing
