// A PIN that is wrong is tried once.
#include "keyd/backend/pkcs11/pin.h"

#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "keyd/backend/pkcs11/testing/token_fixture.h"

namespace aziot::keyd::pkcs11::testing {
namespace {

using aziot::testing::IsOk;
using aziot::testing::RunTool;
using aziot::testing::SoftHsm;
using aziot::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

class PinTest : public TokenTest {
 protected:
  static TokenOptions WithPin(absl::string_view pin) {
    TokenOptions options = Options();
    options.pin_value = Secret(ToBytesView(pin));
    return options;
  }
  TokenOptions WithPinFile(absl::string_view content) {
    WritePin(content);
    TokenOptions options = Options();
    options.pin_value.reset();
    options.pin_source = directory_.Join("pin");
    return options;
  }
  void WritePin(absl::string_view content) {
    std::ofstream(directory_.Join("pin"), std::ios::binary) << content;
  }
  static void ChangePin(const std::string& from, const std::string& to) {
    RunTool({"pkcs11-tool", "--module", SoftHsm::ModulePath(), "--token-label", "device", "--login", "--pin",
             from, "--change-pin", "--new-pin", to});
  }
  static void LogIn(const std::string& pin) {
    RunTool({"pkcs11-tool", "--module", SoftHsm::ModulePath(), "--token-label", "device", "--login", "--pin",
             pin, "--list-objects"});
  }

  const aziot::testing::TempDir directory_;
};

TEST_F(PinTest, AWrongOneIsTriedOnceWhateverIsAsked) {
  TokenBackend backend(WithPin("wrong"));
  EXPECT_FALSE(backend.pin_refused());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 5; ++round) {
        EXPECT_THAT(backend.LoadKeyPair(id_),
                    StatusIs(absl::StatusCode::kUnavailable,
                             AllOf(HasSubstr("token \"device\""), HasSubstr("CKR_PIN_INCORRECT"),
                                   HasSubstr("not tried again until"))));
        EXPECT_THAT(backend.CreateKey(id_, kSign), StatusIs(absl::StatusCode::kUnavailable));
        EXPECT_THAT(backend.ImportKey(id_, digest_, kSign), StatusIs(absl::StatusCode::kUnavailable));
        EXPECT_THAT(backend.DeleteKeyPair(id_), StatusIs(absl::StatusCode::kUnavailable));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(module_.Calls("C_Login"), 1);
  EXPECT_TRUE(backend.pin_refused());
}

TEST_F(PinTest, EveryRefusalIsTriedOnce) {
  for (const char* code :
       {"CKR_PIN_INCORRECT", "CKR_PIN_INVALID", "CKR_PIN_LEN_RANGE", "CKR_PIN_EXPIRED", "CKR_PIN_LOCKED"}) {
    module_.Follow(absl::StrCat("C_Login ", code));
    module_.ForgetCalls();
    TokenBackend backend(Options());
    for (int i = 0; i < 3; ++i) {
      EXPECT_THAT(backend.LoadKey(id_), StatusIs(absl::StatusCode::kUnavailable, HasSubstr(code)));
    }
    EXPECT_EQ(module_.Calls("C_Login"), 1) << code;
  }
}

TEST_F(PinTest, ALifeBeforeIsRemembered) {
  TokenOptions options = WithPin("wrong");
  options.pin_refused_before = true;
  TokenBackend backend(std::move(options));
  EXPECT_TRUE(backend.pin_refused());
  EXPECT_THAT(backend.LoadKey(id_), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("not tried again")));
  EXPECT_EQ(module_.Calls("C_Login"), 0);
}

TEST_F(PinTest, AChangedFileIsTriedAgain) {
  TokenBackend backend(WithPinFile("wrong\n"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(backend.CreateKey(id_, kSign),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr(directory_.Join("pin"))));
  }
  WritePin("1234\n");
  EXPECT_THAT(backend.CreateKey(id_, kSign), IsOk());
  EXPECT_EQ(module_.Calls("C_Login"), 2);
  EXPECT_FALSE(backend.pin_refused());
}

TEST_F(PinTest, AMissingFileIsNamedAndReadWhenItIsThere) {
  TokenBackend backend(WithPinFile("1234\r\n"));
  std::remove(directory_.Join("pin").c_str());
  EXPECT_THAT(backend.CreateKey(id_, kSign),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(directory_.Join("pin"))));
  WritePin("1234\r\n");
  EXPECT_THAT(backend.CreateKey(id_, kSign), IsOk());
}

TEST_F(PinTest, AChangedPinIsTriedOnceAndAgainAfterSomebodysLogin) {
  ASSERT_THAT(Open()->CreateKey(id_, kSign), IsOk());
  ChangePin("1234", "5678");
  TokenBackend backend(Options());
  module_.ForgetCalls();
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(backend.Hmac(id_, digest_), StatusIs(absl::StatusCode::kUnavailable));
  }
  EXPECT_EQ(module_.Calls("C_Login"), 1);
  // Back to what is configured, by somebody who knows: their login clears CKF_USER_PIN_COUNT_LOW.
  ChangePin("5678", "1234");
  LogIn("1234");
  EXPECT_THAT(backend.Hmac(id_, digest_), IsOk());
  EXPECT_EQ(module_.Calls("C_Login"), 2);
}

TEST_F(PinTest, ATokenInitialisedAgainIsTriedAgain) {
  TokenBackend backend(WithPin("wrong"));
  EXPECT_THAT(backend.CreateKey(id_, kSign), StatusIs(absl::StatusCode::kUnavailable));
  hsm_.PullTokens();
  hsm_.AddToken("device", "wrong");
  module_.Follow("C_OpenSession CKR_DEVICE_REMOVED times 1\nC_GetSlotList CKR_DEVICE_ERROR times 4");
  const auto start = std::chrono::steady_clock::now();
  absl::Status status = backend.CreateKey(id_, kSign);
  while (!status.ok() && std::chrono::steady_clock::now() - start < std::chrono::seconds(30)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    status = backend.CreateKey(id_, kSign);
  }
  EXPECT_THAT(status, IsOk());
}

TEST_F(PinTest, WithoutOneNothingIsLoggedIn) {
  TokenOptions options = Options();
  options.pin_value.reset();
  TokenBackend backend(std::move(options));
  EXPECT_THAT(backend.CreateKey(id_, kSign),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("CKR_USER_NOT_LOGGED_IN"), HasSubstr("pin-source"))));
  EXPECT_EQ(module_.Calls("C_Login"), 0);
}

TEST_F(PinTest, LoginsAreTold) {
  std::vector<LoginEvent> events;
  TokenOptions options = WithPinFile("wrong");
  options.observe_login = [&](LoginEvent event) { events.push_back(event); };
  TokenBackend backend(std::move(options));
  EXPECT_FALSE(backend.CreateKey(id_, kSign).ok());
  WritePin("1234");
  module_.Follow("C_Login CKR_FUNCTION_REJECTED times 1");
  EXPECT_FALSE(backend.CreateKey(id_, kSign).ok());
  EXPECT_THAT(backend.CreateKey(id_, kSign), IsOk());
  EXPECT_THAT(events,
              ::testing::ElementsAre(LoginEvent::kStarts, LoginEvent::kRefused, LoginEvent::kStarts,
                                     LoginEvent::kFailed, LoginEvent::kStarts, LoginEvent::kAccepted));
}

}  // namespace
}  // namespace aziot::keyd::pkcs11::testing
