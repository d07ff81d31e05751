// The real programs: provisiond in a private root, provisionctl on its admin socket, curl as the device.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/bytes/base64.h"
#include "common/files/files.h"
#include "common/http/target.h"
#include "common/openssl/digest.h"
#include "common/testing/temp_dir.h"

namespace aziot::provisiond {
namespace {

using Json = nlohmann::json;

struct Output {
  int status = -1;
  std::string text;
};

Output RunCommand(const std::string& command) {
  Output output;
  FILE* pipe = popen(command.c_str(), "r");
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) output.text.append(buffer, n);
  const int status = pclose(pipe);
  output.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return output;
}

std::string BuildDir() {
  const char* directory = std::getenv("AZIOT_BUILD_DIR");
  return directory == nullptr ? "." : directory;
}

class ProgramTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string etc = root_.Join("etc/provisiond");
    ASSERT_TRUE(files::MakeDirectory(etc, 0755).ok());
    ASSERT_TRUE(
        files::Replace(etc + "/config.toml",
                       "[server]\nlisten = [\"127.0.0.1:0\"]\nnames = [\"localhost\", \"127.0.0.1\"]\n", 0644)
            .ok());
    Start();
  }
  void TearDown() override { Stop(SIGTERM); }

  void Start() {
    files::Remove(root_.Join("run/provisiond/address")).IgnoreError();
    const std::string program = BuildDir() + "/libexec/aziot-identity-service/provisiond";
    pid_ = fork();
    if (pid_ == 0) {
      const int log = open(root_.Join("log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      dup2(log, 2);
      execl(program.c_str(), program.c_str(), "--root", root_.path().c_str(), nullptr);
      _exit(127);
    }
    for (int i = 0; i < 600; ++i) {
      if (Ctl("status").status == 0) break;
      ASSERT_EQ(waitpid(pid_, nullptr, WNOHANG), 0) << *files::Read(root_.Join("log"));
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    const auto address = files::Read(root_.Join("run/provisiond/address"));
    ASSERT_TRUE(address.ok()) << address.status();
    const std::string text(absl::StripAsciiWhitespace(*address));
    port_ = text.substr(text.rfind(':') + 1);
  }
  int Stop(int signal) {
    if (pid_ <= 0) return -1;
    kill(pid_, signal);
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return status;
  }

  Output Ctl(const std::string& arguments) {
    return RunCommand(
        absl::StrCat(BuildDir(), "/bin/provisionctl --root ", root_.path(), " --json ", arguments, " 2>&1"));
  }
  Output Human(const std::string& arguments) {
    return RunCommand(absl::StrCat(BuildDir(), "/bin/provisionctl --root ", root_.path(), " ", arguments));
  }
  // The answer's body and, in its last line, the HTTP status.
  Output Curl(const std::string& method, const std::string& path, const std::string& token,
              const std::string& body) {
    return RunCommand(absl::StrCat("curl -s --cacert ", root_.Join("var/lib/provisiond/tls/root.pem"), " -X ",
                                   method, " -w '\\n%{http_code}' -H 'Authorization: ", token,
                                   "' -H 'Content-Type: application/json' -d '", body,
                                   "' 'https://localhost:", port_, path, "'"));
  }
  static std::string Sas(const std::string& key, const std::string& resource, const std::string& key_name) {
    const std::string expiry = absl::StrCat(absl::ToUnixSeconds(absl::Now()) + 600);
    const std::string text = resource + "\n" + expiry;
    const auto mac = openssl::HmacSha256(*ParseBase64(key), ToBytesView(text));
    return absl::StrCat("SharedAccessSignature sr=", resource,
                        "&sig=", http::PercentEncode(FormatBase64(mac)), "&se=", expiry,
                        key_name.empty() ? "" : "&skn=" + key_name);
  }
  static std::pair<Json, std::string> Split(const Output& output) {
    const size_t at = output.text.rfind('\n');
    return {Json::parse(output.text.substr(0, at), nullptr, false), output.text.substr(at + 1)};
  }

  testing::TempDir root_;
  pid_t pid_ = 0;
  std::string port_;
};

TEST_F(ProgramTest, ADeviceRegistersAndSendsAndIsThereAfterAKill) {
  ASSERT_EQ(Ctl("enrollment-group create fleet").status, 0);
  const Output derived = Ctl("enrollment-group derive-key fleet d1");
  ASSERT_EQ(derived.status, 0) << derived.text;
  const std::string key = Json::parse(derived.text)["primaryKey"];

  const std::string token = Sas(key, "0ne00000001/registrations/d1", "registration");
  const auto [registered, code] =
      Split(Curl("PUT", "/0ne00000001/registrations/d1/register?api-version=2021-06-01", token,
                 R"({"registrationId":"d1"})"));
  ASSERT_EQ(code, "202") << registered;
  const std::string poll =
      absl::StrCat("/0ne00000001/registrations/d1/operations/", registered["operationId"].get<std::string>(),
                   "?api-version=2021-06-01");
  const auto [state, poll_code] = Split(Curl("GET", poll, token, "{}"));
  ASSERT_EQ(poll_code, "200") << state;
  EXPECT_EQ(state["registrationState"]["assignedHub"], "localhost:" + port_);

  const std::string hub_token = Sas(key, "localhost:" + port_ + "/devices/d1", "");
  const std::string events = "/devices/d1/messages/events?api-version=2020-09-30";
  EXPECT_EQ(Split(Curl("POST", events, hub_token, R"({"t":"21 C"})")).second, "204");
  EXPECT_EQ(Split(Curl("POST", events, hub_token + "0", "{}")).second, "401");

  Stop(SIGKILL);
  Start();
  const Output telemetry = Ctl("telemetry list d1");
  ASSERT_EQ(telemetry.status, 0) << telemetry.text;
  EXPECT_EQ(Json::parse(telemetry.text)["messages"].size(), 1u);
  EXPECT_THAT(Human("telemetry list d1").text, ::testing::HasSubstr(R"({"t":"21 C"})"));
  EXPECT_EQ(Split(Curl("POST", events, Sas(key, "localhost/devices/d1", ""), "{}")).second, "204");

  EXPECT_EQ(Ctl("device disable d1 --reason " + std::string(129, 'x')).status, 1);
  ASSERT_EQ(Ctl("device disable d1").status, 0);
  EXPECT_EQ(Split(Curl("POST", events, hub_token, "{}")).second, "403");
  EXPECT_EQ(Stop(SIGTERM), 0);
}

TEST_F(ProgramTest, TheServersOwnRefusalsCarryARequestIdAndABody) {
  const std::string base = absl::StrCat("curl -s -i --cacert ", root_.Join("var/lib/provisiond/tls/root.pem"),
                                        " 'https://localhost:", port_, "/devices/d?api-version=2021-04-12' ");
  const Output large = RunCommand(base + "-H 'X-Filler: " + std::string(40000, 'x') + "'");
  EXPECT_THAT(large.text, ::testing::HasSubstr(" 431 "));
  EXPECT_THAT(large.text, ::testing::HasSubstr("x-ms-request-id: "));
  EXPECT_THAT(large.text, ::testing::HasSubstr("ErrorCode:ArgumentInvalid;"));
  // The handshake named localhost.
  const Output elsewhere = RunCommand(base + "-H 'Host: hub.example'");
  EXPECT_THAT(elsewhere.text, ::testing::HasSubstr(" 421 Misdirected Request"));
  const Output metrics = RunCommand(absl::StrCat(
      "curl -s --unix-socket ", root_.Join("run/provisiond/admin.sock"), " http://localhost/metrics"));
  EXPECT_THAT(metrics.text,
              ::testing::HasSubstr(R"(provisiond_https_requests_total{hub="",family="hub",class="4xx"} 1)"));
}

TEST_F(ProgramTest, AHangupRenewsTheServerCertificateOfARunningProcess) {
  const std::string ask = absl::StrCat("openssl s_client -connect 127.0.0.1:", port_,
                                       " </dev/null 2>/dev/null | openssl x509 -noout -serial");
  const Output before = RunCommand(ask);
  ASSERT_EQ(before.status, 0) << before.text;
  ASSERT_TRUE(files::Remove(root_.Join("var/lib/provisiond/tls/server.pem")).ok());
  ASSERT_EQ(kill(pid_, SIGHUP), 0);
  Output after = before;
  for (int i = 0; i < 200 && after.text == before.text; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    after = RunCommand(ask);
  }
  EXPECT_NE(after.text, before.text);
  EXPECT_EQ(after.status, 0);
}

TEST_F(ProgramTest, SecretsAreClosedAndExitCodesTell) {
  struct stat info {};
  for (const char* name : {"var/lib/provisiond/provisiond.db", "var/lib/provisiond/provisiond.db.key",
                           "var/lib/provisiond/tls/server.key", "var/lib/provisiond/tls/root.key"}) {
    ASSERT_EQ(stat(root_.Join(name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << name;
  }
  ASSERT_EQ(stat(root_.Join("run/provisiond/admin.sock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);

  const Output made = Ctl("enrollment create e1");
  ASSERT_EQ(made.status, 0);
  const std::string key = Json::parse(made.text)["keys"]["primaryKey"];
  EXPECT_THAT(Ctl("enrollment show e1").text, ::testing::Not(::testing::HasSubstr(key)));
  EXPECT_THAT(Ctl("enrollment show e1 --show-keys").text, ::testing::HasSubstr(key));
  EXPECT_EQ(Ctl("enrollment create e1").status, 1);
  EXPECT_EQ(Ctl("enrollment show nobody").status, 1);
  EXPECT_EQ(Ctl("enrollment frobnicate").status, 2);
  EXPECT_THAT(Ctl("policy connection-string iothubowner").text,
              ::testing::HasSubstr("SharedAccessKeyName=iothubowner"));
  Stop(SIGTERM);
  EXPECT_EQ(Ctl("status").status, 3);
  // Neither store holds a key in the clear.
  const auto database = files::Read(root_.Join("var/lib/provisiond/provisiond.db"), size_t{64} << 20);
  ASSERT_TRUE(database.ok());
  const Bytes raw = *ParseBase64(key);
  EXPECT_EQ(database->find(key), std::string::npos);
  EXPECT_EQ(database->find(std::string(raw.begin(), raw.end())), std::string::npos);
}

TEST_F(ProgramTest, TheStoreIsVerifiedAndBackedUpWhileItServes) {
  const Output verified = Human("db verify");
  EXPECT_EQ(verified.status, 0);
  EXPECT_THAT(verified.text, ::testing::HasSubstr("version: 2\nresult: sound\n"));
  const Output migrated = Human("db migrate");
  EXPECT_EQ(migrated.status, 0);
  EXPECT_EQ(migrated.text, "at version 2, nothing to do\n");
  const Output copied = Human("db copy --to postgresql://elsewhere 2>&1");
  EXPECT_EQ(copied.status, 1);
  EXPECT_THAT(copied.text, ::testing::HasSubstr("no engine but SQLite"));

  const Output made = Ctl("enrollment create e1");
  ASSERT_EQ(made.status, 0) << made.text;
  const std::string key = Json::parse(made.text)["keys"]["primaryKey"];
  const std::string copy = root_.Join("copy.db");
  const Output backup = Human("db backup " + copy);
  ASSERT_EQ(backup.status, 0) << backup.text;
  EXPECT_THAT(backup.text, ::testing::HasSubstr(root_.Join("var/lib/provisiond/provisiond.db.key")));
  EXPECT_EQ(Ctl("db backup " + copy).status, 1);
  EXPECT_THAT(Ctl("db backup copy.db").text, ::testing::HasSubstr("absolute path"));

  // With the copy in its place the daemon knows the key again.
  ASSERT_EQ(Ctl("enrollment delete e1").status, 0);
  ASSERT_EQ(Stop(SIGTERM), 0);
  const std::string store = root_.Join("var/lib/provisiond/provisiond.db");
  for (const char* suffix : {"-wal", "-shm"}) ASSERT_TRUE(files::Remove(store + suffix).ok());
  ASSERT_TRUE(files::Rename(copy, store).ok());
  Start();
  EXPECT_THAT(Ctl("enrollment show e1 --show-keys").text, ::testing::HasSubstr(key));
}

TEST_F(ProgramTest, DamageOfTheStoreIsNamedAndExitsWithOne) {
  const std::string store = root_.Join("var/lib/provisiond/provisiond.db");
  ASSERT_EQ(RunCommand(absl::StrCat("truncate -s -4096 ", store)).status, 0);
  const Output verified = Human("db verify 2>&1");
  EXPECT_EQ(verified.status, 1);
  EXPECT_THAT(verified.text, ::testing::HasSubstr("result: damaged\ndamage: "));
  // It must not become a backup that holds nothing.
  const std::string copy = root_.Join("copy.db");
  EXPECT_EQ(Ctl("db backup " + copy).status, 1);
  EXPECT_FALSE(files::Exists(copy));
}

}  // namespace
}  // namespace aziot::provisiond
