// The real program in a root of its own, asked over its socket as any client asks it.
#include <curl/curl.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/testing/temp_dir.h"

namespace aziot::keyd {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;

struct Answer {
  long status = 0;  // 0: nobody answered
  std::string body;
  // A text member of a JSON body, or "".
  std::string operator[](const char* member) const {
    const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
    return json.is_object() ? json.value(member, std::string()) : "";
  }
};

size_t Append(char* data, size_t size, size_t count, void* body) {
  static_cast<std::string*>(body)->append(data, size * count);
  return size * count;
}

Answer Ask(const std::string& socket, const std::string& verb, const std::string& path,
           const std::string& body = "") {
  Answer answer;
  CURL* curl = curl_easy_init();
  const std::string url = absl::StrCat("http://keyd", path);
  curl_slist* headers = curl_slist_append(nullptr, "content-type: application/json");
  curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, verb.c_str());
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  if (!body.empty()) curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, body.c_str());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, Append);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  if (curl_easy_perform(curl) == CURLE_OK) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
  curl_slist_free_all(headers);
  curl_easy_cleanup(curl);
  return answer;
}

// Polls `condition`; the limit only ends a test that has failed.
template <class Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 600; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

class KeydProgramTest : public ::testing::Test {
 protected:
  KeydProgramTest() {
    std::filesystem::create_directories(root_.Join("etc/aziot/keyd/config.d"));
    std::filesystem::create_directories(root_.Join("run/aziot"));
    std::filesystem::create_directories(root_.Join("var/lib/aziot/keyd"));
    Configure("config.toml", absl::StrCat("[aziot_keys]\nhomedir_path = \"", root_.Join("var/lib/aziot/keyd"),
                                          "\"\n[[principal]]\nuid = ", getuid(), "\nkeys = [\"*\"]\n"));
  }
  ~KeydProgramTest() override {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }

  void Configure(const std::string& name, const std::string& toml) {
    std::ofstream(root_.Join("etc/aziot/keyd/" + name)) << toml;
  }
  void Spawn() {
    const char* build = std::getenv("AZIOT_BUILD_DIR");
    const std::string program =
        absl::StrCat(build == nullptr ? "." : build, "/libexec/aziot-identity-service/aziot-keyd");
    pid_ = fork();
    if (pid_ != 0) return;
    const int log = open(root_.Join("log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(log, STDERR_FILENO);
    execl(program.c_str(), program.c_str(), "--root", root_.path().c_str(), nullptr);
    _exit(127);
  }
  void Start() {
    Spawn();
    ASSERT_TRUE(Eventually([&] { return Ask("GET", "/ready").status == 200; })) << Log();
  }
  // The exit status, or -1 when a signal ended it.
  int Wait() {
    int status = 0;
    waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  int Stop() {
    kill(pid_, SIGTERM);
    return Wait();
  }
  std::string Log() { return files::Read(root_.Join("log")).value_or(""); }

  std::string socket() const { return root_.Join("run/aziot/keyd.sock"); }
  Answer Ask(const std::string& verb, const std::string& path, const std::string& body = "") {
    return keyd::Ask(socket(), verb, path, body);
  }
  // As another user, in a process of its own.
  Answer AskAs(uid_t uid, const std::string& verb, const std::string& path, const std::string& body = "") {
    const std::string result = root_.Join("answer");
    const pid_t child = fork();
    if (child == 0) {
      const int out = open(result.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      if (setgroups(0, nullptr) != 0 || setgid(uid) != 0 || setuid(uid) != 0) _exit(1);
      const Answer answer = Ask(verb, path, body);
      const std::string text = absl::StrCat(answer.status, "\n", answer.body);
      _exit(write(out, text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
    }
    waitpid(child, nullptr, 0);
    const std::string text = files::Read(result).value_or("");
    const size_t line = text.find('\n');
    return {std::atol(text.c_str()), line == std::string::npos ? "" : text.substr(line + 1)};
  }
  void OpenToAll() {
    std::filesystem::permissions(root_.path(), std::filesystem::perms(0755));
    std::filesystem::permissions(socket(), std::filesystem::perms(0666));
  }

  const aziot::testing::TempDir root_;
  pid_t pid_ = 0;
};

std::string SignBody(const std::string& handle) {
  return Json{{"keyHandle", handle}, {"algorithm", "HMAC-SHA256"}, {"parameters", {{"message", "aGVsbG8="}}}}
      .dump();
}

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

  Configure("config.d/agent.toml", "this is no TOML");
  kill(pid_, SIGHUP);
  EXPECT_TRUE(Eventually([&] { return Log().find("last good one stays") != std::string::npos; })) << Log();
  EXPECT_EQ(AskAs(kUser, "GET", "/key/agent-key?api-version=2021-05-01").status, 200);
}

TEST_F(KeydProgramTest, WhatIsNotSupportedYetIsNamedAtTheStart) {
  Configure("config.d/token.toml", "[aziot_keys]\npkcs11_lib_path = \"/usr/lib/softhsm/libsofthsm2.so\"\n");
  Spawn();
  EXPECT_EQ(Wait(), 1);
  EXPECT_THAT(Log(), HasSubstr("[aziot_keys] pkcs11_lib_path: not supported yet"));
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
