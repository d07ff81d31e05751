// kill -9 of each daemon between and inside the steps of the demo: it is started again, as systemd would, and
// the same step succeeds; identities, keys and handles are still good.
//
// AZIOT_KILL_ROUNDS: kills of each daemon (default 4). AZIOT_KILL_SEED: repeats a run.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "tests/support/suite.h"

namespace aziot::tests {
namespace {

using Json = nlohmann::json;

constexpr uid_t kAgent = 64050;
constexpr char kDevice[] = "my-device";
constexpr char kModule[] = "agent";
constexpr const char* kDaemons[] = {"provisiond", "keyd", "certd", "identityd"};
// Longer than each step takes on an idle machine but those that wait for the cloud's own pace.
constexpr int kLongestDelayMs = 120;
constexpr int kFirstProvisioningMs = 1500;

int FromEnvironment(const char* name, int otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::atoi(value);
}

struct Step {
  const char* name;
  std::set<std::string> involves;  // daemons
  std::function<bool()> run;       // may be run again, also after half of it
};

volatile sig_atomic_t over = 0;

// Runs a step again and again in a process of its own, while this one ends a daemon and starts it again.
class Busy {
 public:
  explicit Busy(const Step& step) : pid_(fork()) {
    if (pid_ != 0) return;
    signal(SIGTERM, [](int) { over = 1; });
    while (over == 0) step.run();
    _exit(0);
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  // Lets the run that is under way end.
  ~Busy() {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }

 private:
  const pid_t pid_;
};

class KillTest : public ::testing::Test {
 protected:
  KillTest()
      : seed_(FromEnvironment("AZIOT_KILL_SEED", static_cast<int>(std::random_device()() >> 1))),
        random_(seed_) {
    RecordProperty("seed", static_cast<int>(seed_));
  }

  // The device is enrolled and configured, the cloud runs, the daemons do not.
  void SetUp() override {
    std::cout << "seed " << seed_ << std::endl;
    suite_.StartCloud();
    ASSERT_TRUE(Enrol());
    const std::string key =
        Json::parse(
            suite_.Provisionctl(absl::StrCat("enrollment show ", kDevice, " --show-keys --json")).text)
            .at("keys")
            .at("primaryKey");
    const std::string scope = Json::parse(suite_.Provisionctl("status --json").text).at("scopes").at(0);
    const std::string toml = absl::StrCat(
        "[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"https://", suite_.hub(), "/\"\nid_scope = \"",
        scope, "\"\n[provisioning.attestation]\nmethod = \"symmetric_key\"\nregistration_id = \"", kDevice,
        "\"\nsymmetric_key = { value = \"", key, "\" }\n");
    ASSERT_TRUE(files::Replace(suite_.root().Join("etc/aziot/config.toml"), toml, 0600).ok());
    ASSERT_EQ(suite_.Aziotctl("config apply").status, 0);
    DropIn("identityd", absl::StrCat("[[principal]]\nuid = ", kAgent, "\nname = \"", kModule,
                                     "\"\nidtype = [\"module\"]\n"));
    DropIn("keyd", absl::StrCat("[[principal]]\nuid = ", kAgent, "\nkeys = [\"agent*\"]\n"));
    DropIn("certd", absl::StrCat("[[principal]]\nuid = ", kAgent, "\ncerts = [\"agent*\"]\n"));
  }
  void DropIn(const char* daemon, const std::string& toml) {
    const std::string path = suite_.root().Join(absl::StrCat("etc/aziot/", daemon, "/config.d/agent.toml"));
    ASSERT_TRUE(files::Replace(path, toml, 0644).ok());
  }
  void StartAll() {
    suite_.StartKeyd();
    suite_.StartCertd();
    suite_.StartIdentityd();
  }

  DaemonProcess& Process(const std::string& daemon) {
    if (daemon == "provisiond") return suite_.cloud();
    if (daemon == "keyd") return suite_.keyd();
    return daemon == "certd" ? suite_.certd() : suite_.identityd();
  }
  void StartAgain(const std::string& daemon) {
    if (daemon == "provisiond") suite_.StartCloud();
    if (daemon == "keyd") suite_.StartKeyd();
    if (daemon == "certd") suite_.StartCertd();
    if (daemon == "identityd") suite_.StartIdentityd();
  }
  int Random(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }

  // --- the steps ---
  bool Enrol() {
    const Output made = suite_.Provisionctl(absl::StrCat("enrollment create ", kDevice));
    return made.status == 0 || suite_.Provisionctl(absl::StrCat("enrollment show ", kDevice)).status == 0;
  }
  bool Ready() { return suite_.IsReady("identityd"); }
  // The agent's four steps of the demo, and a message with the token they end in.
  bool AgentSends() {
    const Output agent = RunCommand(
        absl::StrCat("setpriv --reuid ", kAgent, " --regid ", kAgent, " --groups ", Groups(), " ",
                     SourceDir(), "/tests/examples/agent.sh ", suite_.root().path(), " 2>/dev/null"));
    const size_t token = agent.text.rfind("SharedAccessSignature sr=");
    if (agent.status != 0 || token == std::string::npos) return false;
    const Output sent = RunCommand(absl::StrCat(
        "curl -sS --cacert ", suite_.CloudRoot(), " -o /dev/null -w '%{http_code}' -X POST -d '{}' ",
        "-H 'Authorization: ", agent.text.substr(token, agent.text.find('\n', token) - token), "' 'https://",
        suite_.hub(), "/devices/", kDevice, "/modules/", kModule,
        "/messages/events?api-version=2018-06-30' 2>/dev/null"));
    return sent.text == "204";
  }
  bool RecreateModule() {
    const std::string module =
        absl::StrCat("/identities/modules/", kModule, "?api-version=2020-09-01&type=aziot");
    const auto gone = suite_.Ask(0, "identityd", "DELETE", module);
    if (gone.status != 204 && gone.status != 404) return false;
    const Json request{{"type", "aziot"}, {"moduleId", kModule}};
    const auto made =
        suite_.Ask(0, "identityd", "POST", "/identities/modules?api-version=2020-09-01", request.dump());
    if (made.status == 200) return true;
    // A creation whose answer was lost: the module is there, and its keys are registered again.
    return suite_.Ask(0, "identityd", "PUT", module, "{}").status == 200;
  }
  bool Reprovision() {
    return suite_.Ask(0, "identityd", "POST", "/identities/device/reprovision?api-version=2020-09-01")
               .status == 204;
  }
  bool RotateKey() {
    const auto made = suite_.Ask(kAgent, "keyd", "POST", "/keypair?api-version=2021-05-01",
                                 R"({"keyId":"agent-pair-temp"})");
    if (made.status != 200) return false;
    const auto moved = suite_.Ask(kAgent, "keyd", "POST", "/keypair/agent-pair?api-version=2021-05-01",
                                  R"({"from":"agent-pair-temp"})");
    return moved.status == 204;
  }
  bool ImportCertificate() {
    const std::string pem = absl::StrCat("certificate ", ++imports_);
    const auto put = suite_.Ask(kAgent, "certd", "PUT", "/certificates/agent?api-version=2020-09-01",
                                Json{{"pem", pem}}.dump());
    if (put.status != 201) return false;
    const auto got = suite_.Ask(kAgent, "certd", "GET", "/certificates/agent?api-version=2020-09-01");
    return got.status == 200 && Json::parse(got.body).at("pem") == pem;
  }

  // --- what must outlive every kill ---
  void Remember() {
    const auto device = suite_.Ask(0, "identityd", "POST", "/identities/device?api-version=2020-09-01",
                                   R"({"type":"aziot"})");
    ASSERT_EQ(device.status, 200) << device.body;
    device_handle_ = Json::parse(device.body).at("spec").at("auth").at("keyHandle");
    device_signature_ = Signature(device_handle_);
    const auto pair =
        suite_.Ask(kAgent, "keyd", "POST", "/keypair?api-version=2021-05-01", R"({"keyId":"agent-kept"})");
    ASSERT_EQ(pair.status, 200) << pair.body;
    pair_handle_ = Json::parse(pair.body).at("keyHandle");
    pair_point_ = Point(pair_handle_);
    ASSERT_FALSE(device_signature_.empty() || pair_point_.empty());
  }
  void ExpectUnharmed() {
    EXPECT_EQ(Signature(device_handle_), device_signature_);
    EXPECT_EQ(Point(pair_handle_), pair_point_);
    EXPECT_EQ(suite_.Ask(kAgent, "keyd", "GET", "/keypair/agent-pair?api-version=2021-05-01").status, 200);
    EXPECT_EQ(suite_.Ask(kAgent, "certd", "GET", "/certificates/agent?api-version=2020-09-01").status, 200);
    EXPECT_TRUE(Eventually([&] { return AgentSends(); })) << suite_.identityd().Log();
    for (const char* daemon : kDaemons) {
      EXPECT_TRUE(Process(daemon).Runs()) << daemon << "\n" << Process(daemon).Log();
    }
  }
  std::string Signature(const std::string& handle) {
    const Json request{
        {"keyHandle", handle}, {"algorithm", "HMAC-SHA256"}, {"parameters", {{"message", "aGVsbG8="}}}};
    return suite_.Ask(kAgent, "keyd", "POST", "/sign?api-version=2020-09-01", request.dump()).body;
  }
  std::string Point(const std::string& handle) {
    const auto answer = suite_.Ask(kAgent, "keyd", "POST", "/parameters/ec-point?api-version=2020-09-01",
                                   Json{{"keyHandle", handle}}.dump());
    return answer.status == 200 ? answer.body : "";
  }
  static std::string Groups() {
    std::string groups;
    for (const gid_t group : Suite::SocketGroups())
      absl::StrAppend(&groups, groups.empty() ? "" : ",", group);
    return groups;
  }

  const unsigned seed_;
  std::mt19937 random_;
  Suite suite_;
  int imports_ = 0;
  std::string device_handle_, device_signature_, pair_handle_, pair_point_;
};

TEST_F(KillTest, EachStepSucceedsAfterADaemonWasKilled) {
  StartAll();
  ASSERT_TRUE(Eventually([&] { return Ready(); })) << suite_.identityd().Log();
  const std::vector<Step> steps = {
      {"enrolment", {"provisiond"}, [&] { return Enrol(); }},
      {"readiness", {"identityd"}, [&] { return Ready(); }},
      {"the agent sends a message", {"provisiond", "keyd", "identityd"}, [&] { return AgentSends(); }},
      {"the module is created again", {"provisiond", "keyd", "identityd"}, [&] { return RecreateModule(); }},
      {"reprovisioning", {"provisiond", "keyd", "identityd"}, [&] { return Reprovision(); }},
      {"a key pair is rotated", {"keyd"}, [&] { return RotateKey(); }},
      {"a certificate is imported", {"certd"}, [&] { return ImportCertificate(); }},
  };
  for (const Step& step : steps) ASSERT_TRUE(Eventually(step.run)) << step.name;
  Remember();
  ASSERT_FALSE(HasFatalFailure());

  // The steps of each daemon are drawn without putting back: the default count meets them all.
  std::map<std::string, std::vector<const Step*>> draws;
  const int rounds = FromEnvironment("AZIOT_KILL_ROUNDS", 4) * static_cast<int>(std::size(kDaemons));
  for (int round = 0; round < rounds && !HasFailure(); ++round) {
    const std::string daemon = kDaemons[static_cast<size_t>(round) % std::size(kDaemons)];
    std::vector<const Step*>& draw = draws[daemon];
    if (draw.empty()) {
      for (const Step& step : steps) {
        if (step.involves.count(daemon) > 0) draw.push_back(&step);
      }
      std::shuffle(draw.begin(), draw.end(), random_);
    }
    const Step& step = *draw.back();
    draw.pop_back();
    const bool between = Random(3) == 0;
    const int delay = Random(kLongestDelayMs);
    SCOPED_TRACE(absl::StrCat("seed ", seed_, " round ", round, ": kill ", daemon,
                              between ? " before " : " during ", step.name, " after ", delay, " ms"));
    {
      std::optional<Busy> busy;
      if (!between) busy.emplace(step);
      usleep(static_cast<useconds_t>(delay) * 1000);
      Process(daemon).Stop(SIGKILL);
      StartAgain(daemon);
    }
    EXPECT_TRUE(Eventually(step.run)) << suite_.identityd().Log();
    ExpectUnharmed();
  }
}

// The first start, which makes the master key, assigns the device and creates its module.
TEST_F(KillTest, TheFirstProvisioningSucceedsAfterADaemonWasKilled) {
  for (const char* daemon : kDaemons) {
    const int delay = Random(kFirstProvisioningMs);
    SCOPED_TRACE(absl::StrCat("seed ", seed_, ": kill ", daemon, " after ", delay, " ms"));
    StartAll();
    usleep(static_cast<useconds_t>(delay) * 1000);
    Process(daemon).Stop(SIGKILL);
    StartAgain(daemon);
    ASSERT_TRUE(Eventually([&] { return Ready(); })) << suite_.identityd().Log();
    EXPECT_TRUE(Eventually([&] { return AgentSends(); })) << suite_.identityd().Log();
    const Output modules = suite_.Provisionctl(absl::StrCat("module list ", kDevice, " --json"));
    EXPECT_EQ(Json::parse(modules.text).at("modules").size(), 1u) << modules.text;

    // Back to a device that was never provisioned; the cloud keeps what it knows of it.
    for (const char* each : {"identityd", "certd", "keyd"}) Process(each).Stop(SIGTERM);
    ASSERT_EQ(
        RunCommand(absl::StrCat("find ", suite_.root().path(), "/var/lib/aziot -type f -delete")).status, 0);
  }
}

}  // namespace
}  // namespace aziot::tests
