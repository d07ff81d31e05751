// The whole daemon: from its start to its end.
#include <vector>

#include "keyd/program_fixture.h"

namespace aziot::keyd {
namespace {

using ::testing::HasSubstr;

TEST_F(KeydProgramTest, OneKeyFromImportToDeletion) {
  Start();
  const Answer made = Ask("POST", "/key?api-version=2021-05-01",
                          R"({"keyId":"base","usage":"derive,sign",)"
                          R"("keyBytes":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="})");
  ASSERT_EQ(made.status, 200) << made.body << Log();
  const Answer derived =
      Ask("POST", "/derivedkey?api-version=2021-05-01",
          Json{{"baseKeyHandle", made["keyHandle"]}, {"derivationData", "bW9kdWxlOmdlbjpwcmltYXJ5"}}.dump());
  ASSERT_EQ(derived.status, 200) << derived.body;
  const Answer signature = Ask("POST", "/sign?api-version=2020-09-01", SignBody(derived["keyHandle"]));
  EXPECT_EQ(signature.body, R"({"signature":"XiSLtnTl5cPxPFqaDW1QveTF8ssatzph3MM1RCd+5Ew="})");

  EXPECT_EQ(Ask("GET", "/key/base?api-version=2021-05-01").status, 200);
  const std::string handle = Json{{"keyHandle", made["keyHandle"]}}.dump();
  const Answer deleted = Ask("DELETE", "/key?api-version=2021-05-01", handle);
  EXPECT_EQ(deleted.status, 204);
  EXPECT_EQ(deleted.body, "");
  const Answer gone = Ask("GET", "/key/base?api-version=2021-05-01");
  EXPECT_EQ(gone.status, 400);
  EXPECT_EQ(gone.body, R"({"message":"a parameter has an invalid value"})");
  EXPECT_EQ(Stop(), 0) << Log();
}

TEST_F(KeydProgramTest, PairsOfBothFamilies) {
  Start();
  for (const std::string algorithm : {"ec-p256", "rsa-2048"}) {
    const Answer made = Ask("POST", "/keypair?api-version=2020-09-01",
                            Json{{"keyId", "device-id-temp"}, {"preferredAlgorithms", algorithm}}.dump());
    ASSERT_EQ(made.status, 200) << made.body << Log();
    const Answer kind = Ask("POST", "/parameters/algorithm?api-version=2020-09-01",
                            Json{{"keyHandle", made["keyHandle"]}}.dump());
    EXPECT_EQ(kind["value"], algorithm == "ec-p256" ? "ECDSA" : "RSA") << kind.status << kind.body << Log();
    const Answer moved =
        Ask("POST", "/keypair/device-id?api-version=2020-09-01", R"({"from":"device-id-temp"})");
    EXPECT_EQ(moved.status, 204) << moved.body;
    EXPECT_EQ(Ask("GET", "/keypair/device-id-temp?api-version=2020-09-01").status, 400);
    EXPECT_EQ(Ask("GET", "/keypair/device-id?api-version=2020-09-01").status, 200);
  }
  for (const auto& entry : std::filesystem::directory_iterator(root_.Join("var/lib/aziot/keyd/keys"))) {
    EXPECT_EQ(entry.status().permissions(), std::filesystem::perms(0600)) << entry.path();
  }
}

TEST_F(KeydProgramTest, HandlesOutliveARestart) {
  Start();
  const Answer made = Ask("POST", "/key?api-version=2021-05-01", R"({"keyId":"master","usage":"sign"})");
  ASSERT_EQ(made.status, 200) << made.body;
  const Answer before = Ask("POST", "/sign?api-version=2021-05-01", SignBody(made["keyHandle"]));
  ASSERT_EQ(before.status, 200);
  kill(pid_, SIGKILL);
  EXPECT_EQ(Wait(), -1);
  Start();
  EXPECT_EQ(Ask("POST", "/sign?api-version=2021-05-01", SignBody(made["keyHandle"])).body, before.body);
}

// keys-service.md, section 9: a symmetric key whose file is empty is made again; this one has no caller who
// could ask for that.
TEST_F(KeydProgramTest, ATornHandleKeyIsMadeAgain) {
  const std::string keys = root_.Join("var/lib/aziot/keyd/keys");
  std::filesystem::create_directories(keys);
  std::ofstream(keys +
                "/handlevalidationkey-40f1ca41fe8b50f53e10f3e3a580dcae24087f37aa498ba9903f2612b03e90ba.key");
  Start();
  const Answer made = Ask("POST", "/key?api-version=2021-05-01", R"({"keyId":"k","usage":"sign"})");
  ASSERT_EQ(made.status, 200) << made.body << Log();
  EXPECT_EQ(Ask("POST", "/sign?api-version=2021-05-01", SignBody(made["keyHandle"])).status, 200);
}

// keys-service.md, section 6: that is not the caller's fault.
TEST_F(KeydProgramTest, APairInTheHandleKeysPlaceIsTroubleOfOurOwn) {
  Start();
  const Answer made = Ask("POST", "/key?api-version=2021-05-01", R"({"keyId":"k","usage":"sign"})");
  ASSERT_EQ(made.status, 200) << made.body << Log();
  ASSERT_EQ(Ask("POST", "/keypair?api-version=2021-05-01", R"({"keyId":"pair"})").status, 200);
  const std::filesystem::path keys = root_.Join("var/lib/aziot/keyd/keys");
  const auto starting_with = [&](const std::string& name) {
    for (const auto& entry : std::filesystem::directory_iterator(keys)) {
      if (entry.path().filename().string().rfind(name, 0) == 0) return entry.path();
    }
    return std::filesystem::path();
  };
  std::filesystem::rename(starting_with("pair-"), starting_with("handlevalidationkey-"));
  const Answer used = Ask("POST", "/sign?api-version=2021-05-01", SignBody(made["keyHandle"]));
  EXPECT_EQ(used.status, 500);
  EXPECT_EQ(used.body, R"({"message":"internal error"})");
  EXPECT_EQ(Ask("GET", "/key/k?api-version=2021-05-01").status, 500);
}

// They are larger, all together, than the memory that is locked for secrets.
TEST_F(KeydProgramTest, ManyLargeKeysAreServed) {
  Start();
  const std::string bytes(200000, 'A');
  std::vector<std::string> handles;
  for (int i = 0; i < 12; ++i) {
    const Answer made =
        Ask("POST", "/key?api-version=2021-05-01",
            Json{{"keyId", absl::StrCat("k", i)}, {"usage", "sign"}, {"keyBytes", bytes}}.dump());
    ASSERT_EQ(made.status, 200) << made.body << Log();
    handles.push_back(made["keyHandle"]);
  }
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      for (const std::string& handle : handles) {
        EXPECT_EQ(Ask("POST", "/sign?api-version=2021-05-01", SignBody(handle)).status, 200) << Log();
      }
    });
  }
  for (std::thread& client : clients) client.join();
}

TEST_F(KeydProgramTest, UsersAreHeldToTheirPrincipalsWhichAReloadReplaces) {
  if (getuid() != 0) GTEST_SKIP() << "needs root to become another user";
  Start();
  OpenToAll();
  constexpr uid_t kUser = 64005;
  const std::string body = R"({"keyId":"agent-key","usage":"sign"})";
  const Answer refused = AskAs(kUser, "POST", "/key?api-version=2021-05-01", body);
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused["message"], "user 64005 is not authorized to access the key agent-key");

  Configure("config.d/agent.toml", absl::StrCat("[[principal]]\nuid = ", kUser, "\nkeys = [\"agent-*\"]\n"));
  kill(pid_, SIGHUP);
  EXPECT_TRUE(Eventually([&] {
    return AskAs(kUser, "POST", "/key?api-version=2021-05-01", body).status == 200;
  })) << Log();

  EXPECT_EQ(Log().find("counts from the next start"), std::string::npos) << Log();
  Configure("config.d/more.toml", "max_requests = 3\n");
  kill(pid_, SIGHUP);
  EXPECT_TRUE(Eventually([&] { return Log().find("counts from the next start") != std::string::npos; }))
      << Log();

  Configure("config.d/agent.toml", "this is no TOML");
  kill(pid_, SIGHUP);
  EXPECT_TRUE(Eventually([&] { return Log().find("last good one stays") != std::string::npos; })) << Log();
  EXPECT_EQ(AskAs(kUser, "GET", "/key/agent-key?api-version=2021-05-01").status, 200);
}

TEST_F(KeydProgramTest, APathThatIsNoModuleIsNamedAtTheStart) {
  Configure("config.d/token.toml",
            "[aziot_keys]\npkcs11_lib_path = \"/etc/hostname\"\npkcs11_base_slot = \"pkcs11:token=main\"\n");
  Spawn();
  EXPECT_EQ(Wait(), 1);
  EXPECT_THAT(Log(), HasSubstr("/etc/hostname"));
}

TEST_F(KeydProgramTest, ABadOptionIsNamedAtTheStart) {
  Configure("config.d/typo.toml", "[aziot_keys]\nhomedir = \"/x\"\n");
  Spawn();
  EXPECT_EQ(Wait(), 1);
  EXPECT_THAT(Log(), HasSubstr("[aziot_keys] homedir: unknown parameter"));
}

TEST_F(KeydProgramTest, RequestsOfManyClientsAreAllAnswered) {
  Start();
  const Answer made = Ask("POST", "/key?api-version=2021-05-01", R"({"keyId":"k","usage":"sign"})");
  const std::string expected = Ask("POST", "/sign?api-version=2021-05-01", SignBody(made["keyHandle"])).body;
  std::vector<std::thread> clients;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&] {
      for (int round = 0; round < 25; ++round) {
        EXPECT_EQ(Ask("POST", "/sign?api-version=2021-05-01", SignBody(made["keyHandle"])).body, expected);
      }
    });
  }
  for (std::thread& client : clients) client.join();
}

}  // namespace
}  // namespace aziot::keyd
