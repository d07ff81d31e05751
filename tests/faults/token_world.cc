#include "tests/faults/token_world.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/bytes/base64.h"
#include "common/files/files.h"
#include "common/http/client.h"
#include "tests/faults/victim.h"
#include "tests/faults/worlds.h"

namespace aziot::tests::faults {
namespace {

using Json = nlohmann::json;

constexpr char kVersion[] = "?api-version=2021-05-01";

void Run(const std::string& command) {
  if (const Output done = RunCommand(command + " 2>&1"); done.status != 0) {
    ADD_FAILURE() << command << ": " << done.text;
  }
}

}  // namespace

TokenWorld::TokenWorld()
    : environment_{{"LD_BIND_NOW", "1"},
                   {"SOFTHSM2_CONF", root_.Join("hsm/softhsm2.conf")},
                   {"AZIOT_FAULTY_BEHIND", SoftHsmModule()},
                   {"AZIOT_FAULTY_CONTROL", root_.Join("hsm/rules")},
                   {"AZIOT_FAULTY_LOG", root_.Join("hsm/calls")}} {
  Run(absl::StrCat("install -d -o aziotks -g aziotks ", root_.Join("hsm"), " ", root_.Join("hsm/tokens")));
  EXPECT_TRUE(files::Replace(root_.Join("hsm/softhsm2.conf"),
                             absl::StrCat("directories.tokendir = ", root_.Join("hsm/tokens"),
                                          "\nobjectstore.backend = file\nlog.level = ERROR\n"),
                             0644)
                  .ok());
  WritePin(kPin);
  for (const char* label : {"device", "other"}) {
    Run(AsKeyd(absl::StrCat("softhsm2-util --init-token --free --label ", label, " --pin ", kPin,
                            " --so-pin 12345678")));
  }
}

std::string TokenWorld::AsKeyd(const std::string& command) const {
  std::string line = "setpriv --reuid aziotks --regid aziotks --clear-groups env";
  for (const auto& [name, value] : environment_) absl::StrAppend(&line, " ", name, "=", value);
  return absl::StrCat(line, " ", command);
}

std::string TokenWorld::FaultyModule() { return absl::StrCat(BuildDir(), "/test/libaziot_faulty_pkcs11.so"); }
std::string TokenWorld::SoftHsmModule() { return "/usr/lib/softhsm/libsofthsm2.so"; }

void TokenWorld::ConfigureFiles() {
  EXPECT_TRUE(files::Replace(
                  root_.Join("etc/aziot/keyd/config.toml"),
                  absl::StrCat("[aziot_keys]\nhomedir_path = \"", root_.Join("var/lib/aziot/keyd"), "\"\n"),
                  0644)
                  .ok());
}

void TokenWorld::ConfigureToken(const std::string& more, const std::string& module) {
  EXPECT_TRUE(files::Replace(root_.Join("etc/aziot/keyd/config.toml"),
                             absl::StrCat("[aziot_keys]\nhomedir_path = \"", root_.Join("var/lib/aziot/keyd"),
                                          "\"\npkcs11_lib_path = \"", module,
                                          "\"\npkcs11_base_slot = \"pkcs11:token=device?pin-source=",
                                          root_.Join("hsm/pin"), "\"\n", more),
                             0644)
                  .ok());
}

void TokenWorld::ConfigureTpm2Pkcs11(const std::string& tcti) {
  const std::string module = "libtpm2_pkcs11.so.1";
  environment_["TPM2_PKCS11_STORE"] = root_.Join("hsm/store");
  environment_["TPM2_PKCS11_TCTI"] = tcti;
  environment_["TPM2_PKCS11_LOG_LEVEL"] = "0";
  environment_["TSS2_LOG"] = "all+NONE";
  Run(absl::StrCat("install -d -m 0700 -o aziotks -g aziotks ", root_.Join("hsm/store")));
  const std::string tool =
      absl::StrCat("pkcs11-tool --module ", module, " --slot-index 0 --so-pin 12345678 ");
  Run(AsKeyd(tool + "--init-token --label device"));
  Run(AsKeyd(absl::StrCat(tool, "--init-pin --pin ", kPin)));
  ConfigureToken("", module);
}

void TokenWorld::StartAndForget() { keyd_.Start(environment_); }

void TokenWorld::Start() {
  StartAndForget();
  for (int i = 0; i < 6'000 && keyd_.Runs(); ++i) {
    if (Ask("GET", "/ready").status == 200) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  FAIL() << "keyd does not start: " << keyd_.Log();
}

void TokenWorld::Stop() { EXPECT_EQ(keyd_.Stop(SIGTERM), 0) << keyd_.Log(); }

std::vector<pid_t> TokenWorld::Workers() const {
  std::vector<pid_t> workers;
  const Output children = RunCommand(absl::StrCat("pgrep -P ", keyd_.pid()));
  for (const absl::string_view line : absl::StrSplit(children.text, '\n', absl::SkipEmpty())) {
    if (int pid = 0; absl::SimpleAtoi(line, &pid)) workers.push_back(pid);
  }
  return workers;
}

void TokenWorld::Follow(const std::string& rules) {
  EXPECT_TRUE(files::Replace(root_.Join("hsm/rules"), rules + "\n", 0644).ok());
}

int TokenWorld::Calls(const std::string& function) const {
  const std::string log = files::Read(root_.Join("hsm/calls"), size_t{1} << 30).value_or("");
  int calls = 0;
  for (const absl::string_view line : absl::StrSplit(log, '\n')) {
    if (line.substr(0, line.find(' ')) == function) ++calls;
  }
  return calls;
}

void TokenWorld::ForgetCalls() { unlink(root_.Join("hsm/calls").c_str()); }

void TokenWorld::WritePin(absl::string_view pin) {
  EXPECT_TRUE(files::Replace(root_.Join("hsm/pin"), pin, 0644).ok());
}

Output TokenWorld::Tool(const std::string& arguments, absl::string_view pin) const {
  return RunCommand(
      AsKeyd(absl::StrCat("pkcs11-tool --module ", SoftHsmModule(), " --token-label device --login --pin ",
                          pin, " ", arguments, " 2>&1")));
}

void TokenWorld::PullTokens() {
  std::filesystem::rename(root_.Join("hsm/tokens"), root_.Join("hsm/pulled"));
  Run(absl::StrCat("install -d -o aziotks -g aziotks ", root_.Join("hsm/tokens")));
}

void TokenWorld::PutBackTokens() {
  std::filesystem::remove_all(root_.Join("hsm/tokens"));
  std::filesystem::rename(root_.Join("hsm/pulled"), root_.Join("hsm/tokens"));
}

std::string TokenWorld::NewKey(const std::string& id, const std::string& usage) const {
  const http::Response made =
      Ask("POST", absl::StrCat("/key", kVersion), Json{{"keyId", id}, {"usage", usage}}.dump());
  EXPECT_EQ(made.status, 200) << made.body << keyd_.Log();
  return Member(made, "keyHandle");
}

std::string TokenWorld::NewPair(const std::string& id) const {
  const http::Response made = Ask("POST", absl::StrCat("/keypair", kVersion), CreatePairBody(id));
  EXPECT_EQ(made.status, 200) << made.body << keyd_.Log();
  return Member(made, "keyHandle");
}

http::Response TokenWorld::SignHmac(const std::string& handle) const {
  return Ask(
      "POST", absl::StrCat("/sign", kVersion),
      Json{{"keyHandle", handle}, {"algorithm", "HMAC-SHA256"}, {"parameters", {{"message", "aGVsbG8="}}}}
          .dump());
}

http::Response TokenWorld::SignDigest(const std::string& handle) const {
  return Ask("POST", absl::StrCat("/sign", kVersion),
             Json{{"keyHandle", handle},
                  {"algorithm", "ECDSA"},
                  {"parameters", {{"digest", FormatBase64(Bytes(32, 3))}}}}
                 .dump());
}

http::Response TokenWorld::Encrypt(const std::string& handle) const {
  return Ask("POST", absl::StrCat("/encrypt", kVersion),
             Json{{"keyHandle", handle},
                  {"algorithm", "AEAD"},
                  {"parameters", {{"iv", FormatBase64(Bytes(12, 1))}, {"aad", ""}}},
                  {"plaintext", "aGVsbG8="}}
                 .dump());
}

http::Response TokenWorld::Ask(const std::string& verb, const std::string& path,
                               const std::string& body) const {
  http::UnixClient client(root_.Join("run/aziot/keyd.sock"));
  http::Request request{.method = verb, .target = path, .body = body};
  if (!body.empty()) request.headers.Add("content-type", "application/json");
  const auto answer = client.Send(request, absl::Seconds(150));
  return answer.ok() ? *answer : http::Response{.status = 0, .body = answer.status().ToString()};
}

std::vector<std::string> TokenWorld::KeyFiles() const {
  return files::List(root_.Join("var/lib/aziot/keyd/keys")).value_or(std::vector<std::string>{});
}

}  // namespace aziot::tests::faults
