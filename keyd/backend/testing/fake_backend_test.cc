#include "keyd/backend/testing/fake_backend.h"

#include "keyd/backend/testing/key_backend_contract.h"

namespace aziot::keyd::testing {
namespace {

struct Fake final : BackendUnderTest {
  FakeBackend fake;
  KeyBackend& backend() override { return fake; }
};

INSTANTIATE_TEST_SUITE_P(Fake, KeyBackendContract,
                         ::testing::Values(ContractParameter{"Fake",
                                                             [] { return std::make_unique<Fake>(); }}),
                         ContractName);

TEST(FakeBackendTest, FailsWhenTold) {
  FakeBackend fake;
  fake.FailWith(absl::UnavailableError("pulled"));
  EXPECT_TRUE(absl::IsUnavailable(fake.LoadKey(*KeyId::Parse("x"))));
  fake.FailWith(absl::OkStatus());
  EXPECT_TRUE(absl::IsNotFound(fake.LoadKey(*KeyId::Parse("x"))));
}

}  // namespace
}  // namespace aziot::keyd::testing
