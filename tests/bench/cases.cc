#include "tests/bench/cases.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace aziot::bench {
namespace {

constexpr int kRounds = 5;
constexpr int kCores = 2;
constexpr std::chrono::milliseconds kRun{600};

// The rate of things done one after the other.
double InSequence(const std::vector<Load>& loads) {
  double seconds = 0;
  for (const Load& load : loads) seconds += 1 / std::max(load.Rate(), 1e-9);
  return 1 / seconds;
}

}  // namespace

Figures Cases::Measure(const Case& one) {
  Figures figures{.name = one.name, .clients = one.clients};
  std::vector<double> rate, p50, p99, cpu, floor_rate, floor_p50, of_floor;
  std::vector<std::vector<double>> peer_rate(one.peers.size()), of_peer(one.peers.size());
  for (int round = 0; round < kRounds; ++round) {
    std::vector<Load> floors;
    for (const Run& floor : one.floors) floors.push_back(floor());
    const Load load = RunLoad(one.clients, kRun, one.request, one.observed != nullptr ? one.observed() : 0);
    rate.push_back(load.Rate());
    p50.push_back(load.Microseconds(0.5));
    p99.push_back(load.Microseconds(0.99));
    cpu.push_back(load.cpu_seconds * 1e6 / std::max<double>(1, static_cast<double>(load.nanoseconds.size())));
    figures.max_us = std::max(figures.max_us, load.Microseconds(1));
    figures.failures += load.failures;
    for (size_t peer = 0; peer < one.peers.size(); ++peer) {
      const Load other = one.peers[peer].run();
      figures.failures += other.failures;
      peer_rate[peer].push_back(other.Rate());
      of_peer[peer].push_back(load.Rate() / std::max(other.Rate(), 1e-9));
    }
    if (floors.empty()) continue;
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
  for (size_t peer = 0; peer < one.peers.size(); ++peer) {
    figures.peers.push_back({one.peers[peer].name, Median(peer_rate[peer]), Median(of_peer[peer])});
  }
  rows_.push_back(figures);
  return figures;
}

void Cases::Want(std::string name, double value, double target) {
  goals_.push_back({.name = std::move(name), .value = value, .target = target});
}

void Cases::WantAtMost(std::string name, double value, double target) {
  goals_.push_back({.name = std::move(name), .value = value, .target = target, .at_least = false});
}

void Cases::WantRate(const Figures& row, double target) {
  Want(absl::StrCat(row.name, ", ", row.clients, " clients: per s"), row.rate, target);
}

int Cases::Report() const {
  PrintFigures(rows_);
  PrintGoals(goals_);
  uint64_t failures = 0;
  for (const Figures& row : rows_) failures += row.failures;
  return failures == 0 ? 0 : 1;
}

Run InProcess(int clients, Worker worker) {
  return [threads = std::min(clients, kCores), worker = std::move(worker)] {
    return RunLoad(threads, kFloorRun, worker);
  };
}

}  // namespace aziot::bench
