// Power is lost at every point of every call that changes state. On each disk this may leave, the real daemon
// is started: its clients must see the state before the call or the one after it, and nothing in between; and
// what was answered must be there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "tests/faults/disk_model.h"
#include "tests/faults/injector.h"
#include "tests/faults/victim.h"
#include "tests/faults/worlds.h"
#include "tests/support/run_command.h"

namespace aziot::tests::faults {
namespace {

using See = std::function<World()>;

class CrashPointsTest : public ::testing::Test {
 protected:
  CrashPointsTest() {
    Configure("keyd",
              absl::StrCat("[aziot_keys]\nhomedir_path = \"", keyd_.home(),
                           "\"\n[[principal]]\nuid = ", getpwnam("aziotcs")->pw_uid, "\nkeys = [\"*\"]\n"));
    Configure("certd", absl::StrCat("homedir_path = \"", certd_.home(),
                                    "\"\n[cert_issuance.self]\nmethod = \"self_signed\"\n"));
  }
  void Configure(const std::string& daemon, const std::string& toml) {
    EXPECT_TRUE(
        files::Replace(root_.Join(absl::StrCat("etc/aziot/", daemon, "/config.toml")), toml, 0644).ok());
  }

  // `victim` does not run, and its home is what every case begins with.
  void Try(Victim& victim, const See& see, const std::string& verb, const std::string& path,
           const std::string& body, int expected) {
    SCOPED_TRACE(absl::StrCat(verb, " ", path));
    const Disk before = ReadDisk(victim.home());
    ASSERT_NO_FATAL_FAILURE(victim.Start(&injector_));
    const World old_world = see();
    ASSERT_EQ(ReadDisk(victim.home()), before) << "looking changes nothing";
    http::Response answer;
    const auto calls = injector_.Record([&] { answer = victim.Ask(verb, path, body); });
    ASSERT_EQ(answer.status, expected) << answer.body << victim.process().Log();
    const World new_world = see();
    victim.Kill();
    ASSERT_GE(calls.size(), 2u) << "nothing was recorded";

    const CrashStates states = StatesOf(before, calls, victim.home());
    for (const Disk& disk : states.during) {
      WriteDisk(disk, victim.home());
      ASSERT_NO_FATAL_FAILURE(victim.Start());
      const World world = see();
      victim.Kill();
      if (states.after.contains(disk)) {
        ASSERT_EQ(FormatWorld(world), FormatWorld(new_world)) << "what was answered is lost";
      } else {
        ASSERT_THAT(FormatWorld(world), ::testing::AnyOf(FormatWorld(old_world), FormatWorld(new_world)));
      }
    }
    tried_ += states.during.size();
    WriteDisk(before, victim.home());
  }

  TempRoot root_;
  Victim keyd_{root_, "keyd", "aziotks"};
  Victim certd_{root_, "certd", "aziotcs"};
  Injector injector_{root_.Join("faults"), root_.Join("var/lib/aziot")};
  size_t tried_ = 0;
};

TEST_F(CrashPointsTest, KeydOnAnEmptyDisk) {
  const See see = [&] { return SeeKeyd(keyd_, {"key"}, {"pair"}); };
  Try(keyd_, see, "POST", "/key?api-version=2021-05-01", CreateKeyBody("key"), 200);
  Try(keyd_, see, "POST", "/keypair?api-version=2021-05-01", CreatePairBody("pair"), 200);
  EXPECT_GT(tried_, 10u);
}

TEST_F(CrashPointsTest, KeydWithKeys) {
  ASSERT_NO_FATAL_FAILURE(keyd_.Start());
  ASSERT_EQ(keyd_.Ask("POST", "/key?api-version=2021-05-01", ImportBody("key", "before")).status, 200);
  const http::Response key = keyd_.Ask("GET", "/key/key?api-version=2021-05-01");
  ASSERT_EQ(keyd_.Ask("POST", "/key?api-version=2021-05-01", CreateKeyBody("bystander")).status, 200);
  const http::Response pair =
      keyd_.Ask("POST", "/keypair?api-version=2021-05-01", CreatePairBody("device-id"));
  ASSERT_EQ(pair.status, 200);
  ASSERT_EQ(keyd_.Ask("POST", "/keypair?api-version=2021-05-01", CreatePairBody("device-id-temp")).status,
            200);
  keyd_.Kill();

  const See see = [&] {
    return SeeKeyd(keyd_, {"key", "other", "bystander"}, {"device-id", "device-id-temp", "new", "else"});
  };
  Try(keyd_, see, "POST", "/key?api-version=2021-05-01", ImportBody("key", "after"), 200);
  Try(keyd_, see, "POST", "/key?api-version=2021-05-01", ImportBody("other", "new"), 200);
  Try(keyd_, see, "POST", "/key?api-version=2021-05-01", CreateKeyBody("other"), 200);
  Try(keyd_, see, "POST", "/keypair?api-version=2021-05-01", CreatePairBody("new"), 200);
  Try(keyd_, see, "POST", "/keypair/device-id?api-version=2021-05-01", R"({"from":"device-id-temp"})", 204);
  Try(keyd_, see, "POST", "/keypair/else?api-version=2021-05-01", R"({"from":"device-id-temp"})", 204);
  Try(keyd_, see, "DELETE", "/key?api-version=2021-05-01", HandleBody(Member(key, "keyHandle")), 204);
  Try(keyd_, see, "DELETE", "/keypair?api-version=2021-05-01", HandleBody(Member(pair, "keyHandle")), 204);
  EXPECT_GT(tried_, 30u);
}

TEST_F(CrashPointsTest, Certd) {
  ASSERT_NO_FATAL_FAILURE(keyd_.Start());
  ASSERT_EQ(keyd_.Ask("POST", "/keypair?api-version=2021-05-01", CreatePairBody("self")).status, 200);
  const http::Response handle = keyd_.Ask("GET", "/keypair/self?api-version=2021-05-01");
  const Output csr = RunCommand(absl::StrCat(
      "openssl req -new -batch -provider-path ", BuildDir(),
      "/lib/ossl-modules -provider default -provider aziot_keys -key 'aziot:", Member(handle, "keyHandle"),
      ";socket=", root_.Join("run/aziot/keyd.sock"), "' -subj /CN=self 2>&1"));
  ASSERT_EQ(csr.status, 0) << csr.text;
  ASSERT_NO_FATAL_FAILURE(certd_.Start());
  ASSERT_EQ(certd_.Ask("PUT", "/certificates/there?api-version=2020-09-01", PemBody("before\n")).status, 201);
  certd_.Kill();

  const See see = [&] { return SeeCertd(certd_, {"there", "new", "self"}); };
  Try(certd_, see, "PUT", "/certificates/there?api-version=2020-09-01", PemBody("after, and longer\n"), 201);
  Try(certd_, see, "PUT", "/certificates/new?api-version=2020-09-01", PemBody("new\n"), 201);
  Try(certd_, see, "DELETE", "/certificates/there?api-version=2020-09-01", "", 204);
  Try(certd_, see, "POST", "/certificates?api-version=2020-09-01",
      nlohmann::json{{"certId", "self"}, {"csr", csr.text.substr(csr.text.find("-----BEGIN"))}}.dump(), 201);
  EXPECT_GT(tried_, 15u);
}

}  // namespace
}  // namespace aziot::tests::faults
