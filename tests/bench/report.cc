#include "tests/bench/report.h"

#include <cstdio>

namespace aziot::bench {

void PrintFigures(const std::vector<Figures>& rows) {
  std::printf("\n%-34s %7s %9s %9s %9s %9s %8s %7s %9s %9s\n", "case", "clients", "per s", "p50 us", "p99 us",
              "max us", "cpu us", "failed", "floor/s", "of floor");
  for (const Figures& row : rows) {
    std::printf("%-34s %7d %9.0f %9.1f %9.1f %9.0f %8.1f %7llu %9.0f %8.2fx\n", row.name.c_str(), row.clients,
                row.rate, row.p50_us, row.p99_us, row.max_us, row.cpu_us,
                static_cast<unsigned long long>(row.failures), row.floor_rate, row.of_floor);
    for (const PeerFigures& peer : row.peers) {
      std::printf("%-34s %7d %9.0f %69.2fx\n", ("  " + peer.name).c_str(), row.clients, peer.rate,
                  peer.of_peer);
    }
  }
}

void PrintGoals(const std::vector<Goal>& goals) {
  std::printf("\n%-52s %12s %14s %9s\n", "goal", "measured", "wanted", "ratio");
  for (const Goal& goal : goals) {
    const double ratio = goal.target == 0 ? 0 : goal.value / goal.target;
    std::printf("%-52s %12.2f %2s %11.2f %8.2fx  %s\n", goal.name.c_str(), goal.value,
                goal.at_least ? ">=" : "<=", goal.target, ratio, goal.met() ? "met" : "MISSED");
  }
}

}  // namespace aziot::bench
