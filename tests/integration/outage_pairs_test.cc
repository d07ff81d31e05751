// keyd and the cloud away, hanging or talking garbage, in all pairs: who asks for a known identity gets it,
// and the daemon is whole again by itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/net/unix_socket.h"
#include "tests/integration/scripted_device.h"

namespace aziot::tests {
namespace {

using Line = ScriptedCloud::Line;
using Service = ScriptedCloud::Service;

enum class State { kUp, kAway, kHangs, kGarbage };
constexpr State kStates[] = {State::kUp, State::kAway, State::kHangs, State::kGarbage};
constexpr const char* kNames[] = {"up", "away", "hanging", "talking garbage"};

// In keyd's place.
class GarbageDaemon {
 public:
  explicit GarbageDaemon(const std::string& path)
      : path_(path), listener_(*net::ListenUnix(path, 0666)), thread_([this] { Serve(); }) {}
  ~GarbageDaemon() {
    shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
    unlink(path_.c_str());  // it is root's: keyd could not
  }

 private:
  void Serve() {
    while (true) {
      const net::UniqueFd peer(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!peer) return;
      constexpr absl::string_view kGarbage = "\x16\x03\x01\xff{}\r\n\r\n";
      (void)!send(peer.get(), kGarbage.data(), kGarbage.size(), MSG_NOSIGNAL);
    }
  }

  const std::string path_;
  const net::UniqueFd listener_;
  std::thread thread_;
};

class OutagePairs : public ::testing::Test {
 protected:
  // Every state of keyd with each of `clouds`.
  void Run(ScriptedDevice::Source source, const std::vector<State>& clouds);
  void Cloud(State state) {
    if (state == State::kGarbage) {
      const ScriptedCloud::Reply garbage{https::FormatReply("200 OK", "", "\xff\xfe{")};
      cloud_.Fault(Service::kDps, garbage);
      cloud_.Fault(Service::kHub, garbage);
    }
    if (state == State::kAway) cloud_.Set(Line::kReset);
    if (state == State::kHangs) cloud_.Set(Line::kSilent);
  }
  void Keyd(State state) {
    DaemonProcess& keyd = device_->suite().keyd();
    if (state == State::kHangs) kill(keyd.pid(), SIGSTOP);
    if (state == State::kAway || state == State::kGarbage) keyd.Stop(SIGKILL);
    if (state == State::kGarbage) garbage_.emplace(device_->suite().root().Join("run/aziot/keyd.sock"));
  }
  void AllUp() {
    cloud_.Fault(Service::kDps, std::nullopt);
    cloud_.Fault(Service::kHub, std::nullopt);
    cloud_.Set(Line::kUp);
    garbage_.reset();
    DaemonProcess& keyd = device_->suite().keyd();
    if (keyd.Runs()) {
      kill(keyd.pid(), SIGCONT);
    } else {
      device_->suite().StartKeyd();
    }
  }
  size_t Attempts() {
    const std::string log = device_->suite().identityd().Log();
    size_t count = 0;
    for (size_t at = 0; (at = log.find("Reason: Api", at)) != std::string::npos; ++at) ++count;
    return count;
  }

  ScriptedCloud cloud_;
  std::optional<ScriptedDevice> device_;
  std::optional<GarbageDaemon> garbage_;
};

void OutagePairs::Run(ScriptedDevice::Source source, const std::vector<State>& clouds) {
  device_.emplace(cloud_, source);
  device_->suite().StartKeyd();
  device_->StartIdentityd();
  device_->AwaitReconciled();
  const std::string known = device_->KnownAs();
  const std::string signature = device_->Sign();
  const http::Response device = device_->Device();
  ASSERT_NE(known, "");
  ASSERT_EQ(device.status, 200);
  for (const State keyd : kStates) {
    for (const State cloud : clouds) {
      SCOPED_TRACE(
          absl::StrCat("keyd ", kNames[static_cast<int>(keyd)], ", cloud ", kNames[static_cast<int>(cloud)]));
      Keyd(keyd);
      Cloud(cloud);
      // Something to do for all of them.
      const size_t attempts = Attempts();
      http::Response reprovisioned;
      std::thread asks([&] { reprovisioned = device_->Reprovision(); });
      EXPECT_TRUE(Eventually([&] { return Attempts() > attempts; }));
      EXPECT_EQ(device_->KnownAs(), known);
      EXPECT_EQ(device_->Device().body, device.body);
      EXPECT_EQ(device_->Status().value("provisioning", ""), "provisioned");
      AllUp();
      asks.join();
      EXPECT_TRUE(reprovisioned.status == 204 || reprovisioned.status == 404) << reprovisioned.body;
      EXPECT_EQ(device_->KnownAs(), known) << "after a failed attempt";
      EXPECT_EQ(device_->Device().body, device.body);
      EXPECT_TRUE(device_->suite().identityd().Runs());
    }
  }
  EXPECT_EQ(device_->Reprovision().status, 204) << device_->suite().identityd().Log();
  device_->AwaitReconciled();
  EXPECT_EQ(device_->KnownAs(), known);
  EXPECT_EQ(device_->Sign(), signature);
}

TEST_F(OutagePairs, CostNoKnownIdentity) {
  Run(ScriptedDevice::Source::kDps, {State::kUp, State::kAway, State::kHangs, State::kGarbage});
}

// Here provisioning itself needs neither, and each attempt comes as far as the modules.
TEST_F(OutagePairs, CostNoKnownIdentityOfAManualDevice) {
  Run(ScriptedDevice::Source::kManual, {State::kUp, State::kHangs});
}

}  // namespace
}  // namespace aziot::tests
