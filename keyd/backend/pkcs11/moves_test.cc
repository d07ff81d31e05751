// Moves, imports and creations that are cut short by a kill leave the old state or the new one.
#include "keyd/backend/pkcs11/moves.h"

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "keyd/backend/pkcs11/testing/token_fixture.h"

namespace aziot::keyd::pkcs11::testing {
namespace {

using aziot::testing::IsOk;
using aziot::testing::StatusIs;

class MovesTest : public TokenTest {
 protected:
  // Objects of both names and of what stands aside.
  static size_t CountPairObjects() {
    OtherProgram other;
    size_t count = 0;
    for (const CK_OBJECT_CLASS object_class : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
      Template any;
      any.Number(CKA_CLASS, object_class);
      count += other.session().Find(any)->size();
    }
    return count;
  }
  static Bytes PointOf(TokenBackend& backend, const KeyId& id) {
    return backend.PublicParameter(id, PairParameter::kEcPoint).value_or(Bytes());
  }
};

// At every call that changes something, for a move onto a pair and one to a free name.
TEST_F(MovesTest, AKilledMoveIsRolledBackOrForward) {
  for (const bool replaces : {true, false}) {
    for (const char* function : {"C_SetAttributeValue", "C_DestroyObject"}) {
      for (int skip = 0;; ++skip) {
        SCOPED_TRACE(absl::StrCat(function, " ", skip, replaces ? ", replacing" : ""));
        module_.Follow("");
        Bytes from, to;
        {
          const auto backend = Open();
          ASSERT_THAT(backend->DeleteKeyPair(id_), IsOk());
          ASSERT_THAT(backend->DeleteKeyPair(other_), IsOk());
          ASSERT_THAT(backend->CreateKeyPair(other_, kEc), IsOk());
          from = PointOf(*backend, other_);
          if (replaces) {
            ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
            to = PointOf(*backend, id_);
          }
        }
        const bool killed = DiesIn([&] {
          module_.Follow(absl::StrCat(function, " kill skip ", skip));
          if (!Open()->MoveKeyPair(other_, id_).ok()) _exit(1);
        });
        module_.Follow("");
        const auto backend = Open();
        const bool moved = absl::IsNotFound(backend->LoadKeyPair(other_));
        if (moved) {
          EXPECT_EQ(PointOf(*backend, id_), from);
        } else {
          EXPECT_EQ(PointOf(*backend, other_), from);
          EXPECT_EQ(PointOf(*backend, id_), to);
        }
        EXPECT_EQ(CountPairObjects(), replaces && !moved ? 4u : 2u);
        EXPECT_THAT(backend->SignDigest(moved ? id_ : other_, digest_), IsOk());
        if (!killed) {
          EXPECT_TRUE(moved);
          break;
        }
        ASSERT_LT(skip, 100);
      }
    }
  }
}

TEST_F(MovesTest, AMoveWhoseTokenIsPulledInBetweenIsEndedLater) {
  for (int skip = 0; skip < 4; ++skip) {
    SCOPED_TRACE(skip);
    const auto backend = Open();
    ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
    ASSERT_THAT(backend->CreateKeyPair(other_, kEc), IsOk());
    const Bytes from = PointOf(*backend, other_);
    const Bytes to = PointOf(*backend, id_);
    module_.Follow(absl::StrCat("C_SetAttributeValue CKR_FUNCTION_REJECTED skip ", skip));
    EXPECT_FALSE(backend->MoveKeyPair(other_, id_).ok());
    module_.Follow("");
    const bool moved = absl::IsNotFound(backend->LoadKeyPair(other_));
    EXPECT_EQ(PointOf(*backend, id_), moved ? from : to);
    if (!moved) {
      EXPECT_THAT(backend->MoveKeyPair(other_, id_), IsOk());
    }
    EXPECT_EQ(PointOf(*backend, id_), from);
    EXPECT_EQ(CountPairObjects(), 2u);
    ASSERT_THAT(backend->DeleteKeyPair(id_), IsOk());
    EXPECT_EQ(CountPairObjects(), 0u);
  }
}

TEST_F(MovesTest, AMoveThatFailsForAWhileIsRepeatedWithinTheCall) {
  const auto backend = Open();
  for (int skip = 0; skip < 8; ++skip) {
    for (const char* code :
         {"CKR_SESSION_HANDLE_INVALID", "CKR_DEVICE_REMOVED", "CKR_CRYPTOKI_NOT_INITIALIZED"}) {
      module_.Follow("");
      ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
      ASSERT_THAT(backend->CreateKeyPair(other_, kEc), IsOk());
      const Bytes from = PointOf(*backend, other_);
      // Every second time it was done all the same.
      const char* then = skip % 2 == 0 ? " " : " then ";
      module_.Follow(absl::StrCat("C_SetAttributeValue", then, code, " skip ", skip / 2, " times 1"));
      const absl::Status status = backend->MoveKeyPair(other_, id_);
      EXPECT_THAT(status, IsOk()) << code << " " << skip;
      EXPECT_EQ(PointOf(*backend, id_), from);
      EXPECT_EQ(CountPairObjects(), 2u);
    }
  }
}

TEST_F(MovesTest, ReadersSeeOnePairOrTheOtherDuringAMove) {
  const auto backend = Open();
  ASSERT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  module_.Follow("C_SetAttributeValue sleep 100");
  ASSERT_THAT(backend->CreateKeyPair(other_, kEc), IsOk());
  std::atomic<bool> moved = false;
  std::thread same([&] {
    while (!moved) {
      EXPECT_THAT(backend->LoadKeyPair(id_), IsOk());
      EXPECT_THAT(backend->SignDigest(id_, digest_), IsOk());
    }
  });
  EXPECT_THAT(backend->MoveKeyPair(other_, id_), IsOk());
  moved = true;
  same.join();
}

TEST_F(MovesTest, PairsOfOtherToolsMoveWithBothHalves) {
  for (const char* id : {"\x01\x02", ""}) {
    {
      OtherProgram tool;
      tool.MakePair("device-id-temp", id);
    }
    const auto backend = Open();
    const Bytes from = PointOf(*backend, other_);
    ASSERT_EQ(from.size(), 33u);
    EXPECT_THAT(backend->MoveKeyPair(other_, id_), IsOk());
    EXPECT_EQ(PointOf(*backend, id_), from);
    EXPECT_EQ(CountPairObjects(), 2u);
    EXPECT_THAT(backend->LoadKeyPair(other_), StatusIs(absl::StatusCode::kNotFound));
  }
}

TEST_F(MovesTest, AKilledImportLeavesTheOldKeyOrTheNew) {
  const Bytes old_key(32, 1), new_key(32, 2);
  const Bytes message(5, 3);
  Mac old_mac, new_mac;
  {
    const auto backend = Open();
    ASSERT_THAT(backend->ImportKey(id_, new_key, kSign), IsOk());
    new_mac = *backend->Hmac(id_, message);
    ASSERT_THAT(backend->ImportKey(id_, old_key, kSign), IsOk());
    old_mac = *backend->Hmac(id_, message);
    ASSERT_NE(old_mac, new_mac);
  }
  for (const char* function : {"C_CreateObject", "C_Sign", "C_DestroyObject"}) {
    EXPECT_TRUE(DiesIn([&] {
      module_.Follow(absl::StrCat(function, " kill"));
      (void)Open()->ImportKey(id_, new_key, kSign);
    })) << function;
    module_.Follow("");
    const Mac now = *Open()->Hmac(id_, message);
    EXPECT_EQ(now, absl::string_view(function) == "C_CreateObject" ? old_mac : new_mac) << function;
    ASSERT_THAT(Open()->ImportKey(id_, old_key, kSign), IsOk());
    EXPECT_EQ(*Open()->Hmac(id_, message), old_mac);
    OtherProgram other;
    EXPECT_EQ(other.Find(CKO_SECRET_KEY, "device-id").size(), 1u);
  }
}

TEST_F(MovesTest, AKilledCreationIsRepeated) {
  for (const char* rule : {"C_GenerateKeyPair kill", "C_GenerateKey kill", "C_Sign kill"}) {
    (void)DiesIn([&] {
      module_.Follow(rule);
      const auto backend = Open();
      (void)backend->CreateKeyPair(id_, kEc);
      (void)backend->CreateKey(other_, kSign);
    });
    module_.Follow("");
    const auto backend = Open();
    EXPECT_THAT(backend->CreateKeyPair(id_, kEc), IsOk()) << rule;
    EXPECT_THAT(backend->CreateKey(other_, kSign), IsOk()) << rule;
    EXPECT_EQ(CountPairObjects(), 2u);
    ASSERT_THAT(backend->DeleteKeyPair(id_), IsOk());
    ASSERT_THAT(backend->DeleteKey(other_), IsOk());
  }
}

// A creation whose answer is lost with the token is not made a second time.
TEST_F(MovesTest, ACreationWhoseAnswerIsLostMakesOneKey) {
  module_.Follow(
      "C_GenerateKeyPair then CKR_DEVICE_REMOVED times 1\nC_GenerateKey then CKR_DEVICE_REMOVED times 1");
  const auto backend = Open();
  EXPECT_THAT(backend->CreateKeyPair(id_, kEc), IsOk());
  EXPECT_THAT(backend->CreateKey(other_, kSign), IsOk());
  EXPECT_EQ(CountPairObjects(), 2u);
  OtherProgram other;
  EXPECT_EQ(other.Find(CKO_SECRET_KEY, "device-id-temp").size(), 1u);
}

}  // namespace
}  // namespace aziot::keyd::pkcs11::testing
