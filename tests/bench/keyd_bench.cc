// keyd's benchmark cases, each beside its floor; numbered as in the quality commitments. An argument keeps
// the cases whose name it is part of.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/bench/floors.h"
#include "tests/bench/keyd_under_test.h"
#include "tests/bench/load.h"
#include "tests/bench/raw_client.h"
#include "tests/bench/report.h"

namespace aziot::bench {
namespace {

constexpr int kRounds = 5;
constexpr std::chrono::milliseconds kRun{600};
constexpr std::chrono::milliseconds kFloorRun{300};
constexpr int kCores = 2;
constexpr uint64_t kGrowthRequests = 1000000;

using Floor = std::function<Load()>;

struct Row {
  std::string name;
  int clients;
  Worker request;
  std::vector<Floor> floors;  // done one after the other
};

// Rates of things done one after the other.
double InSequence(const std::vector<Load>& loads) {
  double seconds = 0;
  for (const Load& load : loads) seconds += 1 / std::max(load.Rate(), 1e-9);
  return 1 / seconds;
}

class Bench {
 public:
  explicit Bench(std::string filter) : filter_(std::move(filter)) {}

  int Run() {
    // First, while the store is small and keyd fresh.
    if (Wanted("10 size")) Size();
    if (Wanted("1 hmac kept alive")) Hmac();
    if (Wanted("2 hmac, a connection each")) Connections();
    if (Wanted("3 ecdsa p-256")) Ecdsa();
    if (Wanted("4 rsa-2048")) Rsa();
    if (Wanted("5 aead 1 KiB")) Aead();
    if (Wanted("11 ec pair, durable")) Creation();
    PrintFigures(rows_);
    PrintGoals(goals_);
    uint64_t failures = 0;
    for (const Figures& row : rows_) failures += row.failures;
    return failures == 0 ? 0 : 1;
  }

 private:
  bool Wanted(const std::string& name) const { return name.find(filter_) != std::string::npos; }
  void Want(std::string name, double value, double target) {
    goals_.push_back({.name = std::move(name), .value = value, .target = target});
  }
  void WantAtMost(std::string name, double value, double target) {
    goals_.push_back({.name = std::move(name), .value = value, .target = target, .at_least = false});
  }
  void WantRate(const Figures& row, double target) {
    Want(absl::StrCat(row.name, ", ", row.clients, " clients: per s"), row.rate, target);
  }

  Floor Uds(int clients) const {
    return [this, clients] {
      const PingServer server(PingSocket(), clients);
      return RunLoad(clients, kFloorRun, Ping(PingSocket()));
    };
  }
  Floor ConnectEach(int clients) const {
    return [this, clients] {
      const PingServer server(PingSocket(), clients);
      return RunLoad(clients, kFloorRun, ConnectAndPing(PingSocket()));
    };
  }
  static Floor InProcess(int clients, Worker worker) {
    return [threads = std::min(clients, kCores), worker = std::move(worker)] {
      return RunLoad(threads, kFloorRun, worker);
    };
  }
  std::string PingSocket() const { return keyd_.scratch() + "/ping.sock"; }

  Figures Measure(const Row& row) {
    Figures figures{.name = row.name, .clients = row.clients};
    std::vector<double> rate, p50, p99, cpu, floor_rate, floor_p50, of_floor;
    for (int round = 0; round < kRounds; ++round) {
      std::vector<Load> floors;
      for (const Floor& floor : row.floors) floors.push_back(floor());
      const Load load = RunLoad(row.clients, kRun, row.request, keyd_.pid());
      rate.push_back(load.Rate());
      p50.push_back(load.Microseconds(0.5));
      p99.push_back(load.Microseconds(0.99));
      cpu.push_back(load.cpu_seconds * 1e6 /
                    std::max<double>(1, static_cast<double>(load.nanoseconds.size())));
      figures.max_us = std::max(figures.max_us, load.Microseconds(1));
      figures.failures += load.failures;
      floor_rate.push_back(InSequence(floors));
      double sum = 0;
      for (const Load& floor : floors) sum += floor.Microseconds(0.5);
      floor_p50.push_back(sum);
      of_floor.push_back(load.Rate() / floor_rate.back());
    }
    figures.rate = Median(rate);
    figures.p50_us = Median(p50);
    figures.p99_us = Median(p99);
    figures.cpu_us = Median(cpu);
    figures.floor_rate = Median(floor_rate);
    figures.floor_p50_us = Median(floor_p50);
    figures.of_floor = Median(of_floor);
    rows_.push_back(figures);
    return figures;
  }

  void Hmac() {
    const std::pair<int, double> goals[] = {{1, 12500}, {4, 50000}, {64, 75000}};
    for (const auto& [clients, goal] : goals) {
      const Figures row = Measure({"1 hmac kept alive",
                                   clients,
                                   KeptAlive(keyd_.socket(), keyd_.HmacRequest()),
                                   {Uds(clients), InProcess(clients, EvpHmac())}});
      WantRate(row, goal);
      WantAtMost(absl::StrCat(row.name, ", ", clients, " clients: cpu us"), row.cpu_us, 20);
      if (clients == 4) WantAtMost(absl::StrCat(row.name, ", 4 clients: p99 us"), row.p99_us, 500);
    }
  }

  void Connections() {
    const std::pair<int, double> goals[] = {{1, 11000}, {8, 38000}};
    for (const auto& [clients, goal] : goals) {
      const Figures row = Measure({"2 hmac, a connection each",
                                   clients,
                                   OneConnectionEach(keyd_.socket(), keyd_.HmacRequest()),
                                   {ConnectEach(clients)}});
      WantRate(row, goal);
      WantAtMost(absl::StrCat(row.name, ", ", clients, " clients: lost"), static_cast<double>(row.failures),
                 0);
    }
  }

  void Ecdsa() {
    const std::pair<int, double> goals[] = {{1, 8500}, {8, 33000}};
    for (const auto& [clients, goal] : goals) {
      WantRate(Measure({"3 ecdsa p-256",
                        clients,
                        KeptAlive(keyd_.socket(), keyd_.EcdsaRequest()),
                        {InProcess(clients, EvpEcdsa())}}),
               goal);
    }
  }

  void Rsa() {
    for (const int clients : {1, 8}) {
      const Figures row = Measure({"4 rsa-2048",
                                   clients,
                                   KeptAlive(keyd_.socket(), keyd_.RsaRequest()),
                                   {InProcess(clients, EvpRsa())}});
      if (clients == 8) Want("4 rsa-2048, 8 clients: of two-core evp", row.of_floor, 0.8);
    }
  }

  void Aead() {
    const std::pair<int, double> goals[] = {{1, 11000}, {4, 50000}};
    for (const auto& [clients, goal] : goals) {
      WantRate(Measure({"5 aead 1 KiB",
                        clients,
                        Alternating(keyd_.socket(), keyd_.EncryptRequest(), keyd_.DecryptRequest()),
                        {InProcess(clients, EvpAead(1024))}}),
               goal);
    }
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
      const Figures row = Measure({"11 ec pair, durable", clients, create, {[this, clients] {
                                     return RunLoad(clients, kFloorRun, ReplaceFile(keyd_.scratch()));
                                   }}});
      if (clients == 1) {
        one_client = row.rate;
        WantAtMost("11 ec pair, durable: p50 of disk's", row.p50_us / row.floor_p50_us, 1.6);
      } else {
        Want("11 ec pair, durable: 8 clients of one", row.rate / one_client, 2.5);
      }
    }
  }

  void Size() {
    std::vector<double> starts;
    for (int round = 0; round < 11; ++round) starts.push_back(keyd_.Restart());
    WantAtMost("10 start to first answer, ms", Median(starts) / 1000, 8);
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const uint64_t woken = keyd_.wake_ups();
    std::this_thread::sleep_for(std::chrono::seconds(3));
    WantAtMost("10 wake-ups in 3 s idle", static_cast<double>(keyd_.wake_ups() - woken), 0);
    const Memory idle = keyd_.memory();
    WantAtMost("10 private dirty of keyd idle, KiB", idle.private_dirty_kib, 1536);
    std::printf("\nPSS of keyd idle %.0f KiB; the goal is 20480 for three daemons\n", idle.pss_kib);
    const Worker request = KeptAlive(keyd_.socket(), keyd_.HmacRequest());
    // What the first connections leave behind is not growth.
    RunLoad(4, std::chrono::milliseconds(500), request);
    const Memory warm = keyd_.memory();
    uint64_t requests = 0;
    while (requests < kGrowthRequests) {
      const Load load = RunLoad(4, std::chrono::milliseconds(2000), request);
      if (load.nanoseconds.empty()) break;
      requests += load.nanoseconds.size();
    }
    WantAtMost(absl::StrCat("10 growth over ", requests, " requests, KiB"),
               keyd_.memory().private_dirty_kib - warm.private_dirty_kib, 128);
  }

  const std::string filter_;
  KeydUnderTest keyd_;
  std::vector<Figures> rows_;
  std::vector<Goal> goals_;
};

}  // namespace
}  // namespace aziot::bench

int main(int argc, char** argv) { return aziot::bench::Bench(argc > 1 ? argv[1] : "").Run(); }
