// keyd's keys in a TPM that is shared through a resource manager (tpm2-abrmd on a bus of its own): another
// program uses the TPM meanwhile, and the resource manager ends and comes back.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/bytes/base64.h"
#include "common/files/files.h"
#include "common/http/client.h"
#include "common/testing/swtpm.h"
#include "tests/faults/victim.h"
#include "tests/faults/worlds.h"
#include "tests/support/daemon_process.h"
#include "tests/support/eventually.h"
#include "tests/support/run_command.h"

namespace aziot::tests::faults {
namespace {

using Json = nlohmann::json;

constexpr char kVersion[] = "?api-version=2021-05-01";
constexpr char kTcti[] = "tabrmd:bus_type=session";

// A program of the machine, ended with the object or with the test.
class Child {
 public:
  Child(std::vector<std::string> arguments, const std::string& bus) {
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    pid_ = fork();
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setenv("DBUS_SESSION_BUS_ADDRESS", bus.c_str(), 1);
    execvp(pointers.front(), pointers.data());
    _exit(127);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_;
};

class ResourceManagerTest : public ::testing::Test {
 protected:
  ResourceManagerTest() {
    EXPECT_TRUE(
        files::Replace(root_.Join("etc/aziot/keyd/config.toml"),
                       absl::StrCat("[aziot_keys]\nhomedir_path = \"", root_.Join("var/lib/aziot/keyd"),
                                    "\"\ntpm_tcti = \"", kTcti, "\"\ntpm_symmetric = \"file\"\n"),
                       0644)
            .ok());
    EXPECT_TRUE(Eventually([&] { return access(root_.Join("run/bus").c_str(), F_OK) == 0; }))
        << "dbus-daemon does not start";
    StartManager();
    keyd_.Start({{"DBUS_SESSION_BUS_ADDRESS", bus_}, {"LD_BIND_NOW", "1"}});
    EXPECT_TRUE(Eventually([&] { return Ask("GET", "/ready").status == 200; })) << keyd_.Log();
  }

  // Waits until it answers.
  void StartManager() {
    manager_ = std::make_unique<Child>(
        std::vector<std::string>{"tpm2-abrmd", "--allow-root", "--session", "--tcti=" + tpm_.tcti()}, bus_);
    EXPECT_TRUE(Eventually([&] { return OtherProgram(); }))
        << "tpm2-abrmd (package tpm2-abrmd) does not start";
  }
  void EndManager() { manager_.reset(); }
  // Whether a tool gets what it asks the TPM for.
  bool OtherProgram() const {
    return RunCommand(absl::StrCat("DBUS_SESSION_BUS_ADDRESS=", bus_, " TPM2TOOLS_TCTI=", kTcti,
                                   " TSS2_LOG=all+NONE tpm2_getrandom 8 --hex 2>/dev/null"))
               .status == 0;
  }

  http::Response Ask(const std::string& verb, const std::string& path, const std::string& body = "") const {
    http::UnixClient client(root_.Join("run/aziot/keyd.sock"));
    http::Request request{.method = verb, .target = path, .body = body};
    if (!body.empty()) request.headers.Add("content-type", "application/json");
    const auto answer = client.Send(request, absl::Seconds(60));
    return answer.ok() ? *answer : http::Response{.status = 0, .body = answer.status().ToString()};
  }
  int Sign(const std::string& handle) const {
    return Ask("POST", absl::StrCat("/sign", kVersion),
               Json{{"keyHandle", handle},
                    {"algorithm", "ECDSA"},
                    {"parameters", {{"digest", FormatBase64(Bytes(32, 3))}}}}
                   .dump())
        .status;
  }
  std::string NewPair(const std::string& id) const {
    return Member(Ask("POST", absl::StrCat("/keypair", kVersion), CreatePairBody(id)), "keyHandle");
  }

  TempRoot root_;
  const testing::Swtpm tpm_;
  const std::string bus_ = "unix:path=" + root_.Join("run/bus");
  const Child bus_daemon_{{"dbus-daemon", "--session", "--nofork", "--nopidfile", "--address=" + bus_}, bus_};
  std::unique_ptr<Child> manager_;
  // On such a bus there is only one user.
  DaemonProcess keyd_{root_, "libexec/aziot-identity-service/aziot-keyd", "root"};
};

TEST_F(ResourceManagerTest, OtherProgramsUseTheTpmMeanwhile) {
  std::vector<std::string> handles;
  for (const char* id : {"a", "b", "c", "d"}) handles.push_back(NewPair(id));
  for (const std::string& handle : handles) {
    EXPECT_EQ(Sign(handle), 200) << keyd_.Log();
    EXPECT_TRUE(OtherProgram());
  }
}

TEST_F(ResourceManagerTest, ItEndsAndComesBack) {
  const std::string pair = NewPair("device-id");
  ASSERT_EQ(Sign(pair), 200) << keyd_.Log();
  // Keys to encrypt with are files here, and a handle that was checked not long ago is known.
  const http::Response made =
      Ask("POST", absl::StrCat("/key", kVersion), Json{{"keyId", "k"}, {"usage", "encrypt"}}.dump());
  const std::string encryption = Json{
      {"keyHandle", Member(made, "keyHandle")},
      {"algorithm", "AEAD"},
      {"parameters", {{"iv", FormatBase64(Bytes(12, 1))}, {"aad", ""}}},
      {"plaintext", "aGVsbG8="}}.dump();
  ASSERT_EQ(Ask("POST", absl::StrCat("/encrypt", kVersion), encryption).status, 200) << keyd_.Log();
  EndManager();
  EXPECT_EQ(Sign(pair), 500);
  EXPECT_EQ(Ask("POST", absl::StrCat("/encrypt", kVersion), encryption).status, 200) << keyd_.Log();
  StartManager();
  EXPECT_EQ(Sign(pair), 200) << keyd_.Log();
}

}  // namespace
}  // namespace aziot::tests::faults
