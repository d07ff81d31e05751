// What the tests of this room share: a SoftHSM2 behind the faulty module, a backend over it, and the view
// that another program has of the token.
#pragma once

#include <gmock/gmock.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/testing/soft_hsm.h"
#include "common/testing/status_matchers.h"
#include "keyd/backend/pkcs11/module.h"
#include "keyd/backend/pkcs11/session.h"
#include "keyd/backend/pkcs11/testing/faulty_module.h"
#include "keyd/backend/pkcs11/token_backend.h"

namespace aziot::keyd::pkcs11::testing {

// A session of its own, logged in. Shares the module's state with a backend of this process.
class OtherProgram {
 public:
  explicit OtherProgram(absl::string_view token = "device");
  ~OtherProgram();
  Session& session() { return *session_; }
  CK_FUNCTION_LIST& functions() { return module_->functions(); }
  CK_SLOT_ID slot() const { return slot_; }

  std::vector<CK_OBJECT_HANDLE> Find(CK_OBJECT_CLASS object_class, absl::string_view label);
  // An EC pair as tools make them; its halves share `id`, which may be empty.
  void MakePair(absl::string_view label, absl::string_view id);

 private:
  std::unique_ptr<Module> module_;
  CK_SLOT_ID slot_ = 0;
  std::unique_ptr<Session> session_;
};

// Runs `body` in a process of its own; whether that was killed by a signal. Whatever `body` returns is fine.
bool DiesIn(const std::function<void()>& body);

class TokenTest : public ::testing::Test {
 protected:
  static TokenOptions Options() {
    TokenOptions options;
    options.module_path = FaultyModule::Path();
    options.token.token = "device";
    options.pin_value = Secret(ToBytesView(aziot::testing::SoftHsm::kPin));
    options.absence_counts = std::chrono::milliseconds(0);
    return options;
  }
  static std::unique_ptr<TokenBackend> Open() { return std::make_unique<TokenBackend>(Options()); }

  static constexpr KeyUsage kSign{.sign = true};
  static constexpr KeyUsage kEncrypt{.encrypt = true};
  static constexpr KeyAlgorithm kEc[] = {KeyAlgorithm::kEcP256};
  const KeyId id_ = *KeyId::Parse("device-id");
  const KeyId other_ = *KeyId::Parse("device-id-temp");
  const Bytes digest_ = Bytes(32, 0x5a);

  aziot::testing::SoftHsm hsm_;
  FaultyModule module_;
};

}  // namespace aziot::keyd::pkcs11::testing
