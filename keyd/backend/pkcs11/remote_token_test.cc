// The contract over p11-kit's remote protocol, and the loss of the server.
#include <gmock/gmock.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "common/testing/soft_hsm.h"
#include "common/testing/status_matchers.h"
#include "keyd/backend/pkcs11/testing/token_server.h"
#include "keyd/backend/pkcs11/token_backend.h"
#include "keyd/backend/testing/key_backend_contract.h"

namespace aziot::keyd::testing {
namespace {

using aziot::testing::IsOk;
using aziot::testing::SoftHsm;
using aziot::testing::StatusIs;
using pkcs11::testing::TokenServer;
using std::chrono::steady_clock;

struct RemoteUnderTest final : BackendUnderTest {
  static pkcs11::TokenOptions Options() {
    pkcs11::TokenOptions options;
    options.module_path = TokenServer::ClientModulePath();
    options.token.token = "device";
    options.pin_value = Secret(ToBytesView(SoftHsm::kPin));
    return options;
  }
  const SoftHsm hsm;
  TokenServer server;
  pkcs11::TokenBackend token{Options()};
  KeyBackend& backend() override { return token; }
};

INSTANTIATE_TEST_SUITE_P(P11KitRemote, KeyBackendContract,
                         ::testing::Values(ContractParameter{
                             "P11KitRemote", [] { return std::make_unique<RemoteUnderTest>(); },
                             // Its protocol has no parameters of AES-GCM.
                             Capabilities{.aead = false, .keeps_to_usage = true}}),
                         ContractName);

TEST(RemoteToken, IsUsedAgainOnceItsServerIsBack) {
  std::signal(SIGPIPE, SIG_IGN);  // as in keyd's programs: the module writes to a socket that is gone
  RemoteUnderTest remote;
  const KeyId id = *KeyId::Parse("device-id");
  const KeyAlgorithm ec[] = {KeyAlgorithm::kEcP256};
  const Bytes digest(32, 1);
  ASSERT_THAT(remote.backend().CreateKeyPair(id, ec), IsOk());
  remote.server.Kill();
  EXPECT_THAT(remote.backend().SignDigest(id, digest), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(remote.backend().LoadKeyPair(id), StatusIs(absl::StatusCode::kUnavailable));
  remote.server.Start();
  const auto back = steady_clock::now();
  absl::Status status = absl::UnavailableError("");
  while (!status.ok() && steady_clock::now() - back < std::chrono::seconds(30)) {
    status = remote.backend().SignDigest(id, digest).status();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_THAT(status, IsOk());
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - back);
  RecordProperty("milliseconds", static_cast<int>(took.count()));
}

}  // namespace
}  // namespace aziot::keyd::testing
