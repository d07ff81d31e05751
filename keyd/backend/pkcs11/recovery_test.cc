// What may befall a token, and that it is used again afterwards (quality.md, R9).
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "keyd/backend/pkcs11/ckr_names.h"
#include "keyd/backend/pkcs11/testing/token_fixture.h"

namespace aziot::keyd::pkcs11::testing {
namespace {

using aziot::testing::IsOk;
using aziot::testing::SoftHsm;
using aziot::testing::StatusIs;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::HasSubstr;

class RecoveryTest : public TokenTest {
 protected:
  // The last status of `call` once it is OK, or after far longer than it may take.
  static absl::Status Eventually(const std::function<absl::Status()>& call) {
    const auto start = steady_clock::now();
    absl::Status status = call();
    while (!status.ok() && steady_clock::now() - start < std::chrono::seconds(30)) {
      std::this_thread::sleep_for(milliseconds(20));
      status = call();
    }
    return status;
  }
};

std::vector<CkrName> CodesWhere(const std::function<bool(CK_RV)>& wanted) {
  std::vector<CkrName> codes;
  for (const CkrName& row : kCkrNames) {
    if (row.code != CKR_OK && wanted(row.code)) codes.push_back(row);
  }
  return codes;
}

TEST_F(RecoveryTest, ASignatureIsTwoCallsAndNothingElse) {
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  ASSERT_THAT(backend->CreateKey(other_, kSign), IsOk());
  ASSERT_THAT(backend->SignDigest(id_, digest_), IsOk());
  ASSERT_THAT(backend->Hmac(other_, digest_), IsOk());
  module_.ForgetCalls();
  for (int i = 0; i < 10; ++i) {
    ASSERT_THAT(backend->SignDigest(id_, digest_), IsOk());
    ASSERT_THAT(backend->Hmac(other_, digest_), IsOk());
  }
  EXPECT_EQ(module_.Calls("C_SignInit"), 20);
  EXPECT_EQ(module_.Calls("C_Sign"), 20);
  EXPECT_EQ(module_.AllCalls(), 40);
}

TEST_F(RecoveryTest, ManyThreadsLogInOnceAndSignAtTheSameTime) {
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  module_.Follow("C_Sign sleep 1000");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { EXPECT_THAT(backend->SignDigest(id_, digest_), IsOk()); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(module_.Calls("C_Login"), 1);
  // One after the other they would share the session of the creation.
  EXPECT_GE(module_.Calls("C_OpenSession"), 2);
  EXPECT_LE(module_.Calls("C_OpenSession"), 4);
}

TEST_F(RecoveryTest, EveryRecoverableCodeInTheSignPathIsRecoveredWithinTheCall) {
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  const auto codes = CodesWhere([](CK_RV code) { return RemedyFor(code) != Remedy::kNone; });
  ASSERT_GE(codes.size(), 15u);
  for (const CkrName& code : codes) {
    for (const char* function : {"C_SignInit", "C_Sign"}) {
      const std::string rule = absl::StrCat(function, " ", code.name, " times 1");
      module_.Follow(rule);
      EXPECT_THAT(backend->SignDigest(id_, digest_), IsOk()) << rule;
    }
  }
}

TEST_F(RecoveryTest, OneTroubleAfterAnotherIsRecoveredWithinTheCall) {
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  const char* const codes[] = {"CKR_KEY_HANDLE_INVALID", "CKR_SESSION_HANDLE_INVALID", "CKR_DEVICE_REMOVED",
                               "CKR_CRYPTOKI_NOT_INITIALIZED"};
  for (const char* first : codes) {
    for (const char* second : codes) {
      const std::string rules = absl::StrCat("C_SignInit ", first, " times 1\nC_Sign ", second, " times 1");
      module_.Follow(rules);
      EXPECT_THAT(backend->SignDigest(id_, digest_), IsOk()) << rules;
    }
  }
}

TEST_F(RecoveryTest, ATokenThatIsReallyGoneIsUsedAgain) {
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  const Bytes point = *backend->PublicParameter(id_, PairParameter::kEcPoint);
  hsm_.PullTokens();
  // SoftHSM2 signs from memory until somebody makes it look.
  module_.Follow("C_SignInit CKR_DEVICE_REMOVED times 1\nC_GetSlotList CKR_DEVICE_ERROR times 2");
  EXPECT_THAT(Eventually([&] {
                return absl::IsUnavailable(backend->SignDigest(id_, digest_).status())
                           ? absl::OkStatus()
                           : absl::UnknownError("still signs");
              }),
              IsOk());
  hsm_.PutBackTokens();
  EXPECT_THAT(Eventually([&] { return backend->SignDigest(id_, digest_).status(); }), IsOk());
  EXPECT_EQ(*backend->PublicParameter(id_, PairParameter::kEcPoint), point);
}

TEST_F(RecoveryTest, EveryRecoverableCodeOnTheWayToTheKeyIsRecoveredWithinTheCall) {
  ASSERT_THAT(Open()->CreateKeyPair(id_, kEc), IsOk());
  for (const CkrName& code : CodesWhere([](CK_RV code) { return RemedyFor(code) != Remedy::kNone; })) {
    for (const char* function :
         {"C_Initialize", "C_GetSlotList", "C_GetTokenInfo", "C_OpenSession", "C_GetSessionInfo", "C_Login",
          "C_FindObjectsInit", "C_FindObjects", "C_FindObjectsFinal", "C_GetAttributeValue"}) {
      const std::string rule = absl::StrCat(function, " ", code.name, " times 1");
      const auto backend = Open();
      module_.Follow(rule);
      EXPECT_THAT(backend->SignDigest(id_, digest_), IsOk()) << rule;
    }
  }
}

TEST_F(RecoveryTest, EveryOtherCodeIsNamedAndLeavesTheTokenUsable) {
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  for (const CkrName& code : CodesWhere([](CK_RV code) { return RemedyFor(code) == Remedy::kNone; })) {
    for (const char* function : {"C_SignInit", "C_Sign"}) {
      const std::string rule = absl::StrCat(function, " ", code.name);
      module_.Follow(rule);
      EXPECT_THAT(backend->SignDigest(id_, digest_).status(),
                  AllOf(::testing::Not(IsOk()),
                        StatusIs(::testing::_, AllOf(HasSubstr(function), HasSubstr(code.name),
                                                     HasSubstr("device-id"), HasSubstr("token \"device\"")))))
          << rule;
      module_.Follow("");
      EXPECT_THAT(backend->SignDigest(id_, digest_), IsOk()) << rule;
    }
  }
}

TEST_F(RecoveryTest, WhatLastsIsReportedAndUsedAgainWhenItEnds) {
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  for (const CkrName& code : CodesWhere([](CK_RV code) { return RemedyFor(code) != Remedy::kNone; })) {
    module_.Follow(absl::StrCat("C_SignInit ", code.name));
    EXPECT_THAT(backend->SignDigest(id_, digest_), StatusIs(::testing::_, HasSubstr(code.name)));
    module_.Follow("");
    EXPECT_THAT(Eventually([&] { return backend->SignDigest(id_, digest_).status(); }), IsOk()) << code.name;
  }
}

TEST_F(RecoveryTest, APulledTokenIsUnavailableAndUsedAgainOnceItIsBack) {
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  module_.Follow(
      "C_SignInit CKR_DEVICE_REMOVED\nC_OpenSession CKR_TOKEN_NOT_PRESENT\nC_GetTokenInfo "
      "CKR_TOKEN_NOT_PRESENT");
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(backend->SignDigest(id_, digest_),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("CKR_TOKEN_NOT_PRESENT")));
    EXPECT_THAT(backend->LoadKey(other_), StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_THAT(backend->CreateKeyPair(other_, kEc), StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_THAT(backend->ImportKey(other_, digest_, kSign), StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_THAT(backend->DeleteKeyPair(id_), StatusIs(absl::StatusCode::kUnavailable));
  }
  module_.Follow("");
  EXPECT_THAT(Eventually([&] { return backend->SignDigest(id_, digest_).status(); }), IsOk());
}

TEST_F(RecoveryTest, AModuleThatLooksForTokensOnlyWhenInitializedFindsThemAgain) {
  hsm_.PullTokens();
  const auto backend = Open();
  EXPECT_THAT(backend->CreateKeyPair(id_, kEc),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("pkcs11_base_slot")));
  hsm_.PutBackTokens();
  EXPECT_THAT(Eventually([&] { return backend->CreateKeyPair(id_, kEc); }), IsOk());
}

TEST_F(RecoveryTest, ATokenOfThatLabelInAnotherSlotIsFound) {
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  hsm_.PullTokens();
  hsm_.AddToken("device");  // SoftHSM2 gives it a slot of its own
  module_.Follow("C_SignInit CKR_DEVICE_REMOVED times 1\nC_GetSlotList CKR_DEVICE_ERROR times 4");
  EXPECT_THAT(Eventually([&] { return backend->CreateKeyPair(id_, kEc); }), IsOk());
  EXPECT_THAT(Eventually([&] { return backend->SignDigest(id_, digest_).status(); }), IsOk());
}

TEST_F(RecoveryTest, SessionsWipedAndModuleFinalizedByOthers) {
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  {
    OtherProgram other;
    other.functions().C_CloseAllSessions(other.slot());
    EXPECT_THAT(backend->SignDigest(id_, digest_), IsOk());
    other.functions().C_Logout(other.session().handle());
    EXPECT_THAT(backend->SignDigest(id_, digest_), IsOk());
    other.functions().C_Finalize(nullptr);
    EXPECT_THAT(backend->SignDigest(id_, digest_), IsOk());
  }
  EXPECT_THAT(backend->LoadKeyPair(id_), IsOk());
}

TEST_F(RecoveryTest, ManyThreadsSurviveWhateverComes) {
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  std::atomic<bool> stop = false;
  std::atomic<int> signatures = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        if (backend->SignDigest(id_, digest_).ok()) ++signatures;
      }
    });
  }
  for (const char* code : {"CKR_SESSION_HANDLE_INVALID", "CKR_DEVICE_REMOVED", "CKR_CRYPTOKI_NOT_INITIALIZED",
                           "CKR_GENERAL_ERROR", "CKR_USER_NOT_LOGGED_IN", "CKR_KEY_HANDLE_INVALID"}) {
    for (const char* function : {"C_SignInit", "C_Sign"}) {
      module_.Follow(absl::StrCat(function, " ", code, " times 3"));
      std::this_thread::sleep_for(milliseconds(20));
    }
  }
  module_.Follow("");
  const int before = signatures;
  EXPECT_THAT(
      Eventually([&] { return signatures > before + 8 ? absl::OkStatus() : absl::UnknownError("stuck"); }),
      IsOk());
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

TEST_F(RecoveryTest, ATokenWithOneSessionServesManyThreads) {
  module_.Follow("C_OpenSession CKR_SESSION_COUNT skip 1");
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 5; ++round) EXPECT_THAT(backend->SignDigest(id_, digest_), IsOk());
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(RecoveryTest, AWrongTagIsNoReasonToDoubtTheToken) {
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKey(id_, kEncrypt), IsOk());
  const Bytes iv(12, 1);
  Bytes blob = *backend->Encrypt(id_, {.iv = iv}, digest_);
  blob.back() ^= 1;
  module_.ForgetCalls();
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(backend->Decrypt(id_, {.iv = iv}, blob),
                StatusIs(absl::StatusCode::kInternal, HasSubstr("changed ciphertext")));
  }
  EXPECT_EQ(module_.Calls("C_Finalize"), 0);
  EXPECT_EQ(module_.Calls("C_OpenSession"), 0);
  EXPECT_EQ(module_.Calls("C_Decrypt"), 5);
  blob[0] = 1;
  EXPECT_THAT(backend->Decrypt(id_, {.iv = iv}, blob),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("version 1")));
}

TEST_F(RecoveryTest, AKeyThatAModuleCannotCopeWithDoesNotDisturbTheOthersAllTheTime) {
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  module_.Follow("C_Sign CKR_GENERAL_ERROR");
  module_.ForgetCalls();
  const auto start = steady_clock::now();
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(backend->SignDigest(id_, digest_).ok());
  EXPECT_LE(module_.Calls("C_Finalize"), 1 + (steady_clock::now() - start) / milliseconds(500));
}

TEST_F(RecoveryTest, AFullTokenSaysSo) {
  const auto backend = Open();
  module_.Follow(
      "C_GenerateKeyPair CKR_DEVICE_MEMORY\nC_GenerateKey CKR_DEVICE_MEMORY\nC_CreateObject "
      "CKR_DEVICE_MEMORY");
  for (const absl::Status& status : {backend->CreateKeyPair(id_, kEc), backend->CreateKey(id_, kSign)}) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                                 AllOf(HasSubstr("CKR_DEVICE_MEMORY"), HasSubstr("full"))));
  }
  // An import may go elsewhere.
  EXPECT_THAT(backend->ImportKey(id_, digest_, kSign),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("CKR_DEVICE_MEMORY")));
  module_.Follow("");
  EXPECT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
}

}  // namespace
}  // namespace aziot::keyd::pkcs11::testing
