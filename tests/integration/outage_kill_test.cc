// identityd, keyd and certd killed between and inside the steps of a reconciliation and of an issuance: the
// same step succeeds after the restart, and no key is lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/integration/scripted_device.h"

namespace aziot::tests {
namespace {

using ::testing::HasSubstr;

class OutageKill : public ::testing::Test {
 protected:
  void SetUp() override {
    device_.suite().StartKeyd();
    device_.suite().StartCertd();
    device_.StartIdentityd();
    device_.AwaitReconciled();
    known_ = device_.KnownAs();
    signature_ = device_.Sign();
    ASSERT_NE(known_, "");
    ASSERT_NE(signature_, "");
  }
  // Kills `victim` once, when the hub comes to `step`.
  void KillAt(const std::string& step, bool after, pid_t victim) {
    killed_ = false;
    cloud_.SetHook([this, step, after, victim](const std::string& now, bool is_after) {
      if (now == step && is_after == after && !killed_.exchange(true)) kill(victim, SIGKILL);
    });
  }
  // The module exists once, its agent signs with the key that the hub holds, and the agent that was there
  // before is who it was.
  void ExpectWhole(uid_t uid, const std::string& module) {
    EXPECT_THAT(device_.KnownAs(uid), HasSubstr(absl::StrCat(" dev ", module, " g")));
    const auto modules = cloud_.modules();
    ASSERT_TRUE(modules.contains(module));
    EXPECT_EQ(device_.Sign(uid), ScriptedDevice::SignWith(modules.at(module).primary_key));
    EXPECT_EQ(device_.KnownAs(), known_);
    EXPECT_EQ(device_.Sign(), signature_);
  }

  ScriptedCloud cloud_;
  ScriptedDevice device_{cloud_};
  std::atomic<bool> killed_ = false;
  std::string known_, signature_;
};

struct Moment {
  const char* step;
  bool after;
};
constexpr Moment kMoments[] = {{"list", false},  {"list", true},    {"create", false},
                               {"create", true}, {"update", false}, {"update", true}};

TEST_F(OutageKill, IdentitydInsideAPass) {
  uid_t uid = 64040;
  for (const Moment& moment : kMoments) {
    SCOPED_TRACE(absl::StrCat(moment.step, moment.after ? " after" : " before"));
    const std::string module = absl::StrCat("m", ++uid);
    KillAt(moment.step, moment.after, device_.suite().identityd().pid());
    device_.WriteDropIn(absl::StrCat(module, ".toml"), ScriptedDevice::ModulePrincipal(uid, module));
    ASSERT_TRUE(Eventually([&] { return !device_.suite().identityd().Runs(); }));
    EXPECT_TRUE(killed_);
    device_.StartIdentityd();
    device_.AwaitReconciled();
    ExpectWhole(uid, module);
  }
}

TEST_F(OutageKill, KeydInsideAPass) {
  uid_t uid = 64050;
  for (const Moment& moment : kMoments) {
    SCOPED_TRACE(absl::StrCat(moment.step, moment.after ? " after" : " before"));
    const std::string module = absl::StrCat("m", ++uid);
    KillAt(moment.step, moment.after, device_.suite().keyd().pid());
    device_.WriteDropIn(absl::StrCat(module, ".toml"), ScriptedDevice::ModulePrincipal(uid, module));
    ASSERT_TRUE(Eventually([&] { return !device_.suite().keyd().Runs(); }));
    // What was known needs no keyd.
    EXPECT_EQ(device_.KnownAs(), known_);
    device_.suite().StartKeyd();
    const http::Response again = device_.Reprovision();
    EXPECT_EQ(again.status, 204) << again.body << device_.suite().identityd().Log();
    ExpectWhole(uid, module);
  }
}

TEST_F(OutageKill, IdentitydInsideTheRemovalOfAModule) {
  constexpr uid_t kGoing = 64060;
  for (const bool after : {false, true}) {
    SCOPED_TRACE(after);
    device_.WriteDropIn("going.toml", ScriptedDevice::ModulePrincipal(kGoing, "going"));
    ASSERT_TRUE(Eventually([&] { return cloud_.modules().contains("going"); }));
    ASSERT_TRUE(Eventually([&] { return device_.KnownAs(kGoing) != ""; }));
    device_.AwaitReconciled();
    KillAt("delete", after, device_.suite().identityd().pid());
    device_.WriteDropIn("going.toml", "");
    ASSERT_TRUE(Eventually([&] { return !device_.suite().identityd().Runs(); }));
    EXPECT_TRUE(killed_);
    device_.StartIdentityd();
    device_.AwaitReconciled();
    EXPECT_FALSE(cloud_.modules().contains("going"));
    EXPECT_EQ(device_.Identity(kGoing).status, 401);
    EXPECT_EQ(device_.KnownAs(), known_);
    EXPECT_EQ(device_.Sign(), signature_);
  }
}

TEST_F(OutageKill, CertdInsideAnIssuance) {
  for (int delay = 0; delay < 10; ++delay) {
    SCOPED_TRACE(delay);
    http::Response answer;
    std::thread asks([&] { answer = device_.Identity(ScriptedDevice::kLocal); });
    // Where it hits differs from run to run; the result must not.
    std::this_thread::sleep_for(std::chrono::milliseconds(30 + 10 * delay));
    device_.suite().certd().Stop(SIGKILL);
    device_.suite().StartCertd();
    asks.join();
    EXPECT_TRUE(answer.status == 200 || answer.status == 500) << answer.body;
    const http::Response again = device_.Identity(ScriptedDevice::kLocal);
    EXPECT_EQ(again.status, 200) << device_.suite().certd().Log();
    EXPECT_THAT(again.body, HasSubstr("BEGIN CERTIFICATE"));
    EXPECT_EQ(device_.KnownAs(), known_);
  }
}

}  // namespace
}  // namespace aziot::tests
