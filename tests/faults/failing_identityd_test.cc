// Calls on identityd's files fail while it serves a device of the real cloud, and while it starts and reads
// its configuration: it never ends, gives what it knows to whom it gave it before, answers what needs the
// disk or does it, and is well when the fault is over. AZIOT_FAULTS_ALL=1 tries each error at each call; else
// each call fails once, and each error once from the first call on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "tests/faults/injector.h"
#include "tests/faults/victim.h"
#include "tests/support/suite.h"

namespace aziot::tests::faults {
namespace {

using Json = nlohmann::json;
using ::testing::AnyOf;

constexpr int kErrors[] = {ENOSPC, EIO, EROFS, EDQUOT, EMFILE, ENOMEM};
constexpr uid_t kAgent = 64080;
constexpr uid_t kOperator = 64081;
constexpr char kOfTheModule[] = "/identities/modules/extra?api-version=2020-09-01&type=aziot";

struct Fault {
  int from;
  int until;
  int error;
};

class FailingIdentitydTest : public ::testing::Test {
 protected:
  void SetUp() override { suite_.StartCloud(); }

  // A device that the hub knows: no attempt waits for the pace of the DPS.
  void ProvisionManually() {
    const Output device = suite_.Provisionctl("device create my-device --json");
    ASSERT_EQ(device.status, 0) << device.text;
    const std::string key = Json::parse(device.text).at("keys").at("primaryKey");
    ASSERT_EQ(suite_
                  .Aziotctl(absl::StrCat("config mp -c 'HostName=", suite_.hub(),
                                         ";DeviceId=my-device;SharedAccessKey=", key, "'"))
                  .status,
              0);
    Begin();
  }
  void ProvisionByDps() {
    const Output enrolled = suite_.Provisionctl("enrollment create my-device --json");
    ASSERT_EQ(enrolled.status, 0) << enrolled.text;
    const std::string key = Json::parse(enrolled.text).at("keys").at("primaryKey");
    const std::string scope = Json::parse(suite_.Provisionctl("status --json").text).at("scopes").at(0);
    const std::string toml = absl::StrCat(
        "[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"https://", suite_.hub(), "/\"\nid_scope = \"",
        scope,
        "\"\n[provisioning.attestation]\nmethod = \"symmetric_key\"\nregistration_id = \"my-device\"\n",
        "symmetric_key = { value = \"", key, "\" }\n");
    ASSERT_TRUE(files::Replace(suite_.root().Join("etc/aziot/config.toml"), toml, 0600).ok());
    Begin();
  }
  void Begin() {
    ASSERT_EQ(suite_.Aziotctl("config apply").status, 0);
    WriteDropIn("agent.toml",
                absl::StrCat("[[principal]]\nuid = ", kAgent, "\nname = \"agent\"\nidtype = [\"module\"]\n"));
    suite_.StartKeyd();
    Start();
    ASSERT_TRUE(Eventually([&] { return suite_.IsReady("identityd") && Identity().status == 200; })) << Log();
    generation_ = Generation();
    ASSERT_NE(generation_, "");
  }

  void Start() {
    auto environment = injector_.Environment();
    environment["SSL_CERT_FILE"] = suite_.CloudRoot();
    environment["AZIOT_RELOAD_DEBOUNCE_MS"] = "20";
    environment["LD_BIND_NOW"] = "1";
    suite_.identityd().Start(environment);
  }
  std::string Log() { return suite_.identityd().Log(); }
  void WriteDropIn(const std::string& name, const std::string& toml) {
    ASSERT_TRUE(files::Replace(suite_.root().Join("etc/aziot/identityd/config.d/" + name), toml, 0644).ok());
  }

  http::Response Ask(const std::string& verb, const std::string& path, const std::string& body = "") {
    return suite_.Ask(0, "identityd", verb, path, body);
  }
  http::Response Identity() {
    return suite_.Ask(kAgent, "identityd", "GET", "/identities/identity?api-version=2020-09-01");
  }
  std::string Generation() {
    const Json answer = Json::parse(Identity().body, nullptr, false);
    return answer.is_object() && answer.contains("spec") ? answer["spec"].value("genId", "") : "";
  }
  http::Response Reprovision() {
    return Ask("POST", "/identities/device/reprovision?api-version=2020-09-01");
  }
  http::Response CreateModule() {
    return Ask("POST", "/identities/modules?api-version=2020-09-01",
               R"({"type":"aziot","moduleId":"extra"})");
  }
  http::Response DeleteModule() { return Ask("DELETE", kOfTheModule); }

  void ExpectServed() {
    ASSERT_TRUE(suite_.identityd().Runs()) << Log();
    ASSERT_EQ(Generation(), generation_) << Identity().body << Log();
    ASSERT_EQ(Ask("GET", "/identities/modules?api-version=2020-09-01&type=aziot").status, 200);
  }

  // `run` for each fault; it returns whether any call was left to fail.
  void ForEachFault(const std::function<bool(const Fault&)>& run) {
    const bool all = std::getenv("AZIOT_FAULTS_ALL") != nullptr;
    for (const int error : kErrors) {
      SCOPED_TRACE(absl::StrCat("errno ", error, " from the first call on"));
      ASSERT_TRUE(run({0, INT_MAX, error})) << "nothing failed";
      ++tried_;
      if (::testing::Test::HasFailure()) return;
    }
    bool more = true;
    for (int number = 0; more; ++number) {
      ASSERT_LT(number, 200) << "the fault never comes to an end";
      for (size_t i = 0; more && i < std::size(kErrors); ++i) {
        const int error = kErrors[(static_cast<size_t>(number) + i) % std::size(kErrors)];
        SCOPED_TRACE(absl::StrCat("errno ", error, " at call ", number));
        more = run({number, number + 1, error});
        ++tried_;
        if (::testing::Test::HasFailure()) return;
        if (!all) break;
      }
    }
  }

  // `again` is what a client does that was told of a failure.
  void Try(const std::function<void()>& prepare, const std::function<http::Response()>& ask, int success,
           const std::function<http::Response()>& again) {
    ForEachFault([&](const Fault& fault) {
      prepare();
      injector_.Fail(fault.from, fault.until, fault.error);
      const http::Response answer = ask();
      ExpectServed();
      const int failed = injector_.Heal();
      EXPECT_THAT(answer.status, AnyOf(success, 404, 500, 503)) << answer.body << Log();
      if (answer.status >= 400) {
        EXPECT_NE(Member(answer, "message"), "") << answer.body;
      }
      EXPECT_TRUE(suite_.IsReady("identityd"));
      ExpectServed();
      if (answer.status != success) {
        EXPECT_EQ(again().status, success) << Log();
      }
      return failed > 0;
    });
  }

  void StartOnAFailingDisk(int error) {
    SCOPED_TRACE(absl::StrCat("errno ", error));
    suite_.identityd().Stop(SIGTERM);
    // As an interrupted write leaves it.
    ASSERT_TRUE(files::Replace(home_ + "/.device_info.tmp-0123456789abcdef", "{", 0600).ok());
    injector_.Fail(0, INT_MAX, error);
    Start();
    EXPECT_TRUE(Eventually([&] { return Generation() == generation_ || !suite_.identityd().Runs(); }));
    ASSERT_NO_FATAL_FAILURE(ExpectServed());
    EXPECT_GT(injector_.Heal(), 0);
    ASSERT_EQ(CreateModule().status, 200) << Log();
    ASSERT_EQ(DeleteModule().status, 204) << Log();
    ASSERT_NO_FATAL_FAILURE(ExpectServed());
  }

  Suite suite_;
  const std::string home_ = suite_.root().Join("var/lib/aziot/identityd");
  Injector injector_{suite_.root().Join("faults"), home_};
  std::string generation_;
  int tried_ = 0;
};

TEST_F(FailingIdentitydTest, DeviceAndModules) {
  ASSERT_NO_FATAL_FAILURE(ProvisionManually());
  const auto nothing = [] {};
  const auto absent = [&] { DeleteModule(); };
  const auto create = [&] { return CreateModule(); };
  const auto remove = [&] { return DeleteModule(); };
  Try(
      nothing, [&] { return Reprovision(); }, 204, [&] { return Reprovision(); });
  Try(absent, create, 200, [&] {
    DeleteModule();
    return CreateModule();
  });
  const auto present = [&] {
    if (Ask("GET", kOfTheModule).status != 200) {
      ASSERT_EQ(CreateModule().status, 200) << Log();
    }
  };
  Try(present, remove, 204, [&] {
    const http::Response gone = DeleteModule();
    return gone.status == 404 ? http::Response{.status = 204} : gone;
  });
  EXPECT_GT(tried_, 60);
  // What is ours is written down when the disk takes it again.
  DeleteModule();
  injector_.Fail(0, INT_MAX, EIO);
  EXPECT_EQ(CreateModule().status, 200) << Log();
  EXPECT_GT(injector_.Heal(), 0);
  const auto is_noted = [&] {
    return files::Read(home_ + "/created_modules.json").value_or("").find("\"extra\"") != std::string::npos;
  };
  EXPECT_FALSE(is_noted());
  EXPECT_EQ(Reprovision().status, 204) << Log();
  EXPECT_TRUE(is_noted());
  // What was kept meanwhile is enough for a start without the cloud.
  ASSERT_EQ(Reprovision().status, 204);
  suite_.identityd().Stop(SIGTERM);
  suite_.cloud().Stop(SIGTERM);
  Start();
  EXPECT_TRUE(Eventually([&] { return Generation() == generation_; })) << Log();
}

TEST_F(FailingIdentitydTest, Start) {
  ASSERT_NO_FATAL_FAILURE(ProvisionManually());
  for (const int error : kErrors) ASSERT_NO_FATAL_FAILURE(StartOnAFailingDisk(error));
}

// The copy of the device cannot be read: it is asked for again, and kept again.
TEST_F(FailingIdentitydTest, StartAndTheDps) {
  ASSERT_NO_FATAL_FAILURE(ProvisionByDps());
  ASSERT_NO_FATAL_FAILURE(StartOnAFailingDisk(EIO));
  ASSERT_EQ(Reprovision().status, 204) << Log();
  suite_.identityd().Stop(SIGTERM);
  suite_.cloud().Stop(SIGTERM);
  Start();
  EXPECT_TRUE(Eventually([&] { return Generation() == generation_; })) << Log();
}

// Faults of the configuration's files: the last one stays, whole, and what was missed is read when they are
// gone.
TEST_F(FailingIdentitydTest, Reload) {
  ASSERT_NO_FATAL_FAILURE(ProvisionManually());
  injector_.Watch(suite_.root().Join("etc/aziot/identityd"));
  const auto may_manage = [&] {
    return suite_.Ask(kOperator, "identityd", "GET", "/identities/modules?api-version=2020-09-01&type=aziot")
               .status == 200;
  };
  bool wanted = false;
  ForEachFault([&](const Fault& fault) {
    wanted = !wanted;
    injector_.Fail(fault.from, fault.until, fault.error);
    WriteDropIn("operator.toml",
                wanted ? absl::StrCat("[[principal]]\nuid = ", kOperator, "\nname = \"operator\"\n") : "");
    // The reload is over, unless it is slow: a fault that comes later then shows nothing.
    int calls = 0;
    EXPECT_TRUE(Eventually([&] {
      return std::exchange(calls, injector_.Calls()) == injector_.Calls() &&
             (injector_.Failed() > 0 || may_manage() == wanted);
    })) << Log();
    ExpectServed();
    const int failed = injector_.Heal();
    EXPECT_EQ(Log().find("not a regular file"), std::string::npos) << Log();
    EXPECT_TRUE(Eventually([&] { return may_manage() == wanted; })) << Log();
    ExpectServed();
    return failed > 0;
  });
  EXPECT_GT(tried_, 15);
}

}  // namespace
}  // namespace aziot::tests::faults
