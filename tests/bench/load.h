// Clients in threads of a process of their own, each repeating one operation; what they saw comes back.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

namespace aziot::bench {

// False: the operation failed.
using Operation = std::function<bool()>;
// Called in the thread that will repeat what it returns.
using Worker = std::function<Operation(int client)>;

struct Load {
  std::vector<uint32_t> nanoseconds;  // of each operation that succeeded, sorted
  uint64_t failures = 0;
  double seconds = 0;
  double cpu_seconds = 0;  // of the observed process meanwhile

  double Rate() const { return static_cast<double>(nanoseconds.size()) / seconds; }
  // 0 … 1; 0 when nothing succeeded.
  double Microseconds(double quantile) const;
};

// `observed` 0: nobody's CPU time is read. Operations of the first moments are not counted.
Load RunLoad(int clients, std::chrono::milliseconds duration, const Worker& worker, pid_t observed = 0);

double Median(std::vector<double> values);

}  // namespace aziot::bench
