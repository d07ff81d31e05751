// The cases of one program: measured beside their floors and peers in the same rounds, held against their
// goals.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/bench/load.h"
#include "tests/bench/report.h"

namespace aziot::bench {

// One run of something that a case is held against.
using Run = std::function<Load()>;

struct Peer {
  std::string name;
  Run run;
};

struct Case {
  std::string name;
  int clients = 1;
  Worker request;
  std::vector<Run> floors;  // done one after the other: their times add up
  std::vector<Peer> peers;
  std::function<pid_t()> observed;  // whose CPU time counts
};

class Cases {
 public:
  // Keeps the cases whose name `filter` is part of.
  explicit Cases(std::string filter) : filter_(std::move(filter)) {}

  bool Wanted(const std::string& name) const { return name.find(filter_) != std::string::npos; }
  // Five rounds; what it gives are their medians.
  Figures Measure(const Case& one);

  void Want(std::string name, double value, double target);
  void WantAtMost(std::string name, double value, double target);
  void WantRate(const Figures& row, double target);

  // Prints all figures and goals. 1 when an operation failed: figures without it say nothing.
  int Report() const;

 private:
  const std::string filter_;
  std::vector<Figures> rows_;
  std::vector<Goal> goals_;
};

// How long a floor or a peer is run in a round.
constexpr std::chrono::milliseconds kFloorRun{300};

// The same crypto on at most as many threads as the goals speak of cores.
Run InProcess(int clients, Worker worker);

}  // namespace aziot::bench
