// The figures of a case and the goals they are held against, as text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace aziot::bench {

// Another program doing the same.
struct PeerFigures {
  std::string name;
  double rate = 0;
  double of_peer = 0;  // ours by theirs, round by round
};

// Medians over the rounds; `max_us` is the worst of all.
struct Figures {
  std::string name;
  int clients = 0;
  double rate = 0;
  double p50_us = 0, p99_us = 0, max_us = 0;
  double cpu_us = 0;  // of the daemon, per operation
  uint64_t failures = 0;
  double floor_rate = 0;
  double floor_p50_us = 0;
  double of_floor = 0;  // of the rates, round by round
  std::vector<PeerFigures> peers;
};

struct Goal {
  std::string name;
  double value = 0;
  double target = 0;
  bool at_least = true;

  bool met() const { return at_least ? value >= target : value <= target; }
};

void PrintFigures(const std::vector<Figures>& rows);
void PrintGoals(const std::vector<Goal>& goals);

}  // namespace aziot::bench
