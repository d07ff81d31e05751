// Keys that go to a token, PINs and plaintexts leave nothing behind in keyd nor, beside what the module keeps
// for itself, in the worker.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/bytes/base64.h"
#include "common/openssl/digest.h"
#include "tests/faults/memory_search.h"
#include "tests/faults/token_world.h"
#include "tests/faults/victim.h"

namespace aziot::tests::faults {
namespace {

using Json = nlohmann::json;
using ::testing::IsEmpty;

class TokenSecretsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.ConfigureToken("", TokenWorld::SoftHsmModule());
    ASSERT_NO_FATAL_FAILURE(world_.Start());
    AddSecret("the PIN", ToBytesView(TokenWorld::kPin));
  }
  http::Response Ask(const std::string& path, const Json& body) {
    const http::Response answer =
        world_.Ask("POST", absl::StrCat(path, "?api-version=2021-05-01"), body.dump());
    EXPECT_EQ(answer.status, 200) << path << ": " << answer.body << world_.keyd().Log();
    return answer;
  }
  void AddSecret(absl::string_view name, BytesView secret) {
    for (MemorySearch* search : {&in_keyd_, &in_worker_}) {
      search->AddBytes(name, secret);
      search->AddBase64(name, secret);
    }
  }
  void ExpectNothing(absl::string_view after) {
    std::vector<pid_t> processes = world_.Workers();
    ASSERT_EQ(processes.size(), 1u);
    processes.push_back(world_.keyd().pid());
    for (const pid_t process : processes) {
      const MemorySearch& search = process == world_.keyd().pid() ? in_keyd_ : in_worker_;
      // Threads wipe their buffers and stacks when they come to rest, which may be after the answer.
      const auto clean = [&] { return search.FindIn(process).empty(); };
      for (int i = 0; i < 40 && !clean(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(25));
      EXPECT_THAT(search.FindIn(process), IsEmpty())
          << (process == world_.keyd().pid() ? "in keyd" : "in the worker") << " after " << after;
      // A search that skips all memory finds nothing either.
      EXPECT_GT(MemorySearch::LockedBytes(process), 0u);
    }
    EXPECT_THAT(in_keyd_.FindIn("the log", world_.keyd().Log()), IsEmpty()) << "after " << after;
  }

  TokenWorld world_;
  MemorySearch in_keyd_, in_worker_;
};

TEST_F(TokenSecretsTest, NothingIsLeftInMemory) {
  const Bytes key = ToBytes("a key of thirty-two bytes, there");
  const Bytes plaintext = ToBytes("a plaintext that nobody else may read");
  const Bytes data = ToBytes("module:gen:primary");
  in_keyd_.AddBytes("an imported key", key);
  in_keyd_.AddBase64("an imported key", key);
  AddSecret("a derived key", openssl::HmacSha256(key, data));
  AddSecret("a plaintext", plaintext);

  const std::string imported = Member(
      Ask("/key", {{"keyId", "imported"}, {"usage", "sign"}, {"keyBytes", FormatBase64(key)}}), "keyHandle");
  ExpectNothing("an import");
  EXPECT_THAT(world_.Tool("--list-objects").text, ::testing::HasSubstr("imported"));

  const std::string derived = Member(
      Ask("/derivedkey", {{"baseKeyHandle", imported}, {"derivationData", FormatBase64(data)}}), "keyHandle");
  Ask("/sign", {{"keyHandle", derived},
                {"algorithm", "HMAC-SHA256"},
                {"parameters", {{"message", FormatBase64(data)}}}});
  ExpectNothing("a signature with a derived key");
  Ask("/derivedkey/export", {{"keyHandle", derived}});
  ExpectNothing("an export");

  const std::string sealing = Member(Ask("/key", {{"keyId", "sealing"}, {"usage", "encrypt"}}), "keyHandle");
  const Json parameters = {{"iv", FormatBase64(Bytes(12, 7))}, {"aad", ""}};
  const std::string sealed = Member(Ask("/encrypt", {{"keyHandle", sealing},
                                                     {"algorithm", "AEAD"},
                                                     {"parameters", parameters},
                                                     {"plaintext", FormatBase64(plaintext)}}),
                                    "ciphertext");
  ExpectNothing("an encryption");
  Ask("/decrypt",
      {{"keyHandle", sealing}, {"algorithm", "AEAD"}, {"parameters", parameters}, {"ciphertext", sealed}});
  ExpectNothing("a decryption");
}

}  // namespace
}  // namespace aziot::tests::faults
