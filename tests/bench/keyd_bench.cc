// keyd's benchmark cases, each beside its floor; numbered as in the quality commitments. An argument keeps
// the cases whose name it is part of.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/bench/cases.h"
#include "tests/bench/floors.h"
#include "tests/bench/keyd_under_test.h"
#include "tests/bench/load.h"
#include "tests/bench/p11_kit_peer.h"
#include "tests/bench/process_figures.h"
#include "tests/bench/raw_client.h"
#include "tests/bench/ssh_agent_peer.h"

namespace aziot::bench {
namespace {

constexpr uint64_t kGrowthRequests = 1000000;

// A client that makes RSA-4096 pairs one after the other for as long as it lives.
class PairsInALoop {
 public:
  explicit PairsInALoop(const std::string& socket) : pid_(fork()) {
    if (pid_ != 0) return;
    RawClient client(socket);
    for (int made = 0;; ++made) {
      if (!client.Ask(
              KeydUnderTest::CreatePairRequest(absl::StrCat("slow-", getpid(), "-", made), "rsa-4096")))
        _exit(1);
    }
  }
  PairsInALoop(const PairsInALoop&) = delete;
  PairsInALoop& operator=(const PairsInALoop&) = delete;
  ~PairsInALoop() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

 private:
  const pid_t pid_;
};

class KeydBench {
 public:
  explicit KeydBench(std::string filter) : cases_(std::move(filter)) {}

  int Run() {
    // First, while the store is small and keyd fresh.
    if (cases_.Wanted("10 size of keyd")) Size();
    if (cases_.Wanted("1 hmac kept alive")) Hmac();
    if (cases_.Wanted("2 hmac, a connection each")) Connections();
    if (cases_.Wanted("3 ecdsa p-256")) Ecdsa();
    if (cases_.Wanted("4 rsa-2048")) Rsa();
    if (cases_.Wanted("5 aead 1 KiB")) Aead();
    if (cases_.Wanted("8 hmac beside rsa-4096")) BesideKeyGeneration();
    if (cases_.Wanted("11 ec pair, durable")) Creation();
    return cases_.Report();
  }

 private:
  bench::Run Uds(int clients) const {
    return [this, clients] {
      const PingServer server(PingSocket(), clients);
      return RunLoad(clients, kFloorRun, Ping(PingSocket()));
    };
  }
  bench::Run ConnectEach(int clients) const {
    return [this, clients] {
      const PingServer server(PingSocket(), clients);
      return RunLoad(clients, kFloorRun, ConnectAndPing(PingSocket()));
    };
  }
  std::string PingSocket() const { return keyd_.scratch() + "/ping.sock"; }

  Figures Measure(Case one) {
    one.observed = [this] { return keyd_.pid(); };
    return cases_.Measure(one);
  }
  Peer SshAgent(int clients, Worker sign) const {
    return {"ssh-agent", [clients, sign = std::move(sign)] { return RunLoad(clients, kFloorRun, sign); }};
  }

  void Hmac() {
    const P11KitPeer p11_kit(keyd_.scratch());
    const std::pair<int, double> goals[] = {{1, 12500}, {4, 50000}, {64, 75000}};
    for (const auto& [clients, goal] : goals) {
      Case one{.name = "1 hmac kept alive",
               .clients = clients,
               .request = KeptAlive(keyd_.socket(), keyd_.HmacRequest()),
               .floors = {Uds(clients), InProcess(clients, EvpHmac())}};
      if (clients <= P11KitPeer::kClients) {
        one.peers.push_back({"p11-kit server, SoftHSM", [&p11_kit, clients = clients] {
                               return RunLoad(clients, kFloorRun, p11_kit.Hmac());
                             }});
      }
      const Figures row = Measure(std::move(one));
      cases_.WantRate(row, goal);
      cases_.WantAtMost(absl::StrCat(row.name, ", ", clients, " clients: cpu us"), row.cpu_us, 20);
      if (clients != 4) continue;
      cases_.WantAtMost(absl::StrCat(row.name, ", 4 clients: p99 us"), row.p99_us, 500);
      cases_.Want(absl::StrCat(row.name, ", 4 clients: of p11-kit"), row.peers.front().of_peer, 2.5);
    }
  }

  void Connections() {
    const std::pair<int, double> goals[] = {{1, 11000}, {8, 38000}};
    for (const auto& [clients, goal] : goals) {
      const Figures row = Measure({.name = "2 hmac, a connection each",
                                   .clients = clients,
                                   .request = OneConnectionEach(keyd_.socket(), keyd_.HmacRequest()),
                                   .floors = {ConnectEach(clients)}});
      cases_.WantRate(row, goal);
      cases_.WantAtMost(absl::StrCat(row.name, ", ", clients, " clients: lost"),
                        static_cast<double>(row.failures), 0);
    }
  }

  void Ecdsa() {
    const SshAgentPeer agent(keyd_.scratch(), "-t ecdsa -b 256");
    const std::pair<int, double> goals[] = {{1, 8500}, {8, 33000}};
    for (const auto& [clients, goal] : goals) {
      const Figures row = Measure({.name = "3 ecdsa p-256",
                                   .clients = clients,
                                   .request = KeptAlive(keyd_.socket(), keyd_.EcdsaRequest()),
                                   .floors = {InProcess(clients, EvpEcdsa())},
                                   .peers = {SshAgent(clients, agent.Sign())}});
      cases_.WantRate(row, goal);
      if (clients == 8) cases_.Want("3 ecdsa p-256, 8 clients: of ssh-agent", row.peers.front().of_peer, 10);
    }
  }

  void Rsa() {
    const SshAgentPeer agent(keyd_.scratch(), "-t rsa -b 2048");
    for (const int clients : {1, 8}) {
      const Figures row = Measure({.name = "4 rsa-2048",
                                   .clients = clients,
                                   .request = KeptAlive(keyd_.socket(), keyd_.RsaRequest()),
                                   .floors = {InProcess(clients, EvpRsa())},
                                   .peers = {SshAgent(clients, agent.Sign())}});
      if (clients == 8) cases_.Want("4 rsa-2048, 8 clients: of two-core evp", row.of_floor, 0.8);
    }
  }

  void Aead() {
    const std::pair<int, double> goals[] = {{1, 11000}, {4, 50000}};
    for (const auto& [clients, goal] : goals) {
      const Figures row =
          Measure({.name = "5 aead 1 KiB",
                   .clients = clients,
                   .request = Alternating(keyd_.socket(), keyd_.EncryptRequest(), keyd_.DecryptRequest()),
                   .floors = {InProcess(clients, EvpAead(1024))}});
      cases_.WantRate(row, goal);
    }
  }

  void BesideKeyGeneration() {
    const Worker hmac = KeptAlive(keyd_.socket(), keyd_.HmacRequest());
    const Figures row = Measure({.name = "8 hmac beside rsa-4096",
                                 .clients = 4,
                                 .request = [this, hmac](int client) -> Operation {
                                   // One of the clients' own, so that the floor is free of it.
                                   auto pairs =
                                       client == 0 ? std::make_shared<PairsInALoop>(keyd_.socket()) : nullptr;
                                   return [pairs, ask = hmac(client)] { return ask(); };
                                 },
                                 .floors = {[hmac] { return RunLoad(4, kFloorRun, hmac); }}});
    cases_.Want("8 hmac beside rsa-4096: of unloaded", row.of_floor, 0.45);
    cases_.WantAtMost("8 hmac beside rsa-4096: p99 us", row.p99_us, 3000);
    cases_.WantAtMost("8 hmac beside rsa-4096: max us", row.max_us, 20000);
  }

  void Creation() {
    const Worker create = [socket = keyd_.socket()](int client) -> Operation {
      auto connection = std::make_shared<RawClient>(socket);
      auto made = std::make_shared<int>(0);
      return [connection, made, client] {
        return connection->Ask(
            KeydUnderTest::CreatePairRequest(absl::StrCat("made-", getpid(), "-", client, "-", ++*made)));
      };
    };
    double one_client = 0;
    for (const int clients : {1, 8}) {
      const Figures row = Measure({.name = "11 ec pair, durable",
                                   .clients = clients,
                                   .request = create,
                                   .floors = {[this, clients] {
                                     return RunLoad(clients, kFloorRun, ReplaceFile(keyd_.scratch()));
                                   }}});
      if (clients == 1) {
        one_client = row.rate;
        cases_.WantAtMost("11 ec pair, durable: p50 of disk's", row.p50_us / row.floor_p50_us, 1.6);
      } else {
        cases_.Want("11 ec pair, durable: 8 clients of one", row.rate / one_client, 2.5);
      }
    }
  }

  void Size() {
    std::vector<double> starts;
    for (int round = 0; round < 11; ++round) starts.push_back(keyd_.Restart());
    cases_.WantAtMost("10 keyd, start to first answer, ms", Median(starts), 8);
    const Worker request = KeptAlive(keyd_.socket(), keyd_.HmacRequest());
    // What the first connections leave behind is not growth.
    RunLoad(4, std::chrono::milliseconds(500), request);
    const Memory warm = MemoryOf(keyd_.pid());
    uint64_t requests = 0;
    while (requests < kGrowthRequests) {
      const Load load = RunLoad(4, std::chrono::milliseconds(2000), request);
      if (load.nanoseconds.empty()) break;
      requests += load.nanoseconds.size();
    }
    cases_.WantAtMost(absl::StrCat("10 keyd, growth over ", requests, " requests, KiB"),
                      MemoryOf(keyd_.pid()).private_dirty_kib - warm.private_dirty_kib, 128);
  }

  Cases cases_;
  KeydUnderTest keyd_;
};

}  // namespace
}  // namespace aziot::bench

int main(int argc, char** argv) { return aziot::bench::KeydBench(argc > 1 ? argv[1] : "").Run(); }
