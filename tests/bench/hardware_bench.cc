// keyd's benchmark cases with keys in hardware, or rather in the software that stands for it; numbered as in
// the quality commitments. An argument keeps the cases whose name it is part of.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/bench/cases.h"
#include "tests/bench/esys_floor.h"
#include "tests/bench/hardware_keyd.h"
#include "tests/bench/load.h"
#include "tests/bench/p11_kit_peer.h"
#include "tests/bench/raw_client.h"
#include "tests/support/run_command.h"
#include "tests/support/shared_tpm.h"

namespace aziot::bench {
namespace {

// Clients that repeat a request for as long as the object lives.
class Repeating {
 public:
  Repeating(int clients, const std::string& socket, const std::string& request) {
    for (int client = 0; client < clients; ++client) {
      pids_.push_back(fork());
      if (pids_.back() != 0) continue;
      RawClient asking(socket);
      while (asking.Ask(request)) continue;
      _exit(1);
    }
  }
  Repeating(const Repeating&) = delete;
  Repeating& operator=(const Repeating&) = delete;
  ~Repeating() {
    for (const pid_t pid : pids_) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
  }

 private:
  std::vector<pid_t> pids_;
};

class HardwareBench {
 public:
  explicit HardwareBench(std::string filter) : cases_(std::move(filter)) {}

  int Run() {
    if (cases_.Wanted("6 ec key on softhsm")) OnSoftHsm();
    if (cases_.Wanted("7 ec key in swtpm") || cases_.Wanted("7 hmac key in swtpm")) InSwtpm();
    if (cases_.Wanted("8 hmac beside a token of 200 ms")) BesideASlowToken();
    return cases_.Report();
  }

 private:
  void OnSoftHsm() {
    const HardwareKeyd keyd = HardwareKeyd::OnToken();
    const P11KitPeer p11_kit(keyd.scratch());
    for (const int clients : {1, 4}) {
      const Figures row =
          cases_.Measure({.name = "6 ec key on softhsm",
                          .clients = clients,
                          .request = KeptAlive(keyd.socket(), keyd.EcdsaRequest()),
                          .floors = {InProcess(clients, P11KitPeer::EcdsaInProcess())},
                          .peers = {{"p11-kit server, SoftHSM",
                                     [&, clients] { return RunLoad(clients, kFloorRun, p11_kit.Ecdsa()); }}},
                          .observed = [&] { return keyd.pid(); }});
      const std::string name = absl::StrCat(row.name, ", ", clients, " clients: of ");
      cases_.Want(name + "in-process", row.of_floor, 0.7);
      cases_.Want(name + "p11-kit", row.peers.front().of_peer, 1.4);
    }
  }

  void InSwtpm() {
    const tests::SharedTpm tpm;
    const HardwareKeyd keyd = HardwareKeyd::InTpm(tpm.tcti());
    struct Operation {
      const char* name;
      std::string request;
      Worker raw;
    };
    const Operation operations[] = {{"7 ec key in swtpm", keyd.EcdsaRequest(), EsysEcdsa(tpm.tcti())},
                                    {"7 hmac key in swtpm", keyd.HmacRequest(), EsysHmac(tpm.tcti())}};
    for (const Operation& one : operations) {
      if (!cases_.Wanted(one.name)) continue;
      const Figures row = cases_.Measure({.name = one.name,
                                          .clients = 1,
                                          .request = KeptAlive(keyd.socket(), one.request),
                                          .floors = {[&] { return RunLoad(1, kFloorRun, one.raw); }},
                                          .observed = [&] { return keyd.pid(); }});
      cases_.WantAtMost(absl::StrCat(one.name, ": p50 over raw, us"), row.p50_us - row.floor_p50_us, 90);
      cases_.WantAtMost(absl::StrCat(one.name, ": 4 clients, most by fewest"), Unfairness(keyd, one.request),
                        1.1);
    }
  }

  // Of four clients with a process each: the one that was served most by the one that was served least.
  static double Unfairness(const HardwareKeyd& keyd, const std::string& request) {
    constexpr int kClients = 4;
    std::vector<double> served(kClients);
    std::vector<std::thread> clients;
    for (double& count : served) {
      clients.emplace_back([&] {
        const Load load = RunLoad(1, std::chrono::seconds(2), KeptAlive(keyd.socket(), request));
        count = static_cast<double>(load.nanoseconds.size());
      });
    }
    for (std::thread& client : clients) client.join();
    const auto [fewest, most] = std::minmax_element(served.begin(), served.end());
    return *most / std::max(*fewest, 1.0);
  }

  void BesideASlowToken() {
    const HardwareKeyd keyd =
        HardwareKeyd::OnToken(absl::StrCat(tests::BuildDir(), "/test/libaziot_faulty_pkcs11.so"));
    keyd.Follow("C_Sign sleep 200");
    const Worker hmac = KeptAlive(keyd.socket(), keyd.HmacOnDiskRequest());
    std::unique_ptr<Repeating> slow;
    const Figures row =
        cases_.Measure({.name = "8 hmac beside a token of 200 ms",
                        .clients = 4,
                        .request = [&, hmac](int client) { return hmac(client); },
                        .floors = {[&] {
                          slow.reset();
                          const Load unloaded = RunLoad(4, kFloorRun, hmac);
                          slow = std::make_unique<Repeating>(4, keyd.socket(), keyd.EcdsaRequest());
                          return unloaded;
                        }},
                        .observed = [&] { return keyd.pid(); }});
    cases_.Want(row.name + ": of unloaded", row.of_floor, 0.45);
    cases_.WantAtMost(row.name + ": p99 us", row.p99_us, 3000);
    cases_.WantAtMost(row.name + ": max us", row.max_us, 20000);
  }

  Cases cases_;
};

}  // namespace
}  // namespace aziot::bench

int main(int argc, char** argv) { return aziot::bench::HardwareBench(argc > 1 ? argv[1] : "").Run(); }
