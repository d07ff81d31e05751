#include "tests/bench/load.h"

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

namespace aziot::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kWarmUp{150};

struct Seen {
  std::vector<uint32_t> nanoseconds;
  uint64_t failures = 0;
};

void Repeat(const Operation& operation, Clock::time_point begin, Clock::time_point end, Seen& seen) {
  while (true) {
    const Clock::time_point started = Clock::now();
    if (started >= end) return;
    const bool succeeded = operation();
    const Clock::time_point ended = Clock::now();
    if (!succeeded) {
      ++seen.failures;
    } else if (started >= begin && ended <= end) {
      seen.nanoseconds.push_back(static_cast<uint32_t>((ended - started).count()));
    }
  }
}

void WriteAll(int fd, const void* data, size_t size) {
  for (const char* from = static_cast<const char*>(data); size > 0;) {
    const ssize_t count = write(fd, from, size);
    if (count <= 0) _exit(1);
    from += count;
    size -= static_cast<size_t>(count);
  }
}

bool ReadAll(int fd, void* data, size_t size) {
  for (char* to = static_cast<char*>(data); size > 0;) {
    const ssize_t count = read(fd, to, size);
    if (count <= 0) return false;
    to += count;
    size -= static_cast<size_t>(count);
  }
  return true;
}

// In the process of the clients.
void Work(int clients, const Worker& worker, Clock::time_point begin, Clock::time_point end, int results) {
  std::vector<Seen> seen(static_cast<size_t>(clients));
  std::vector<std::thread> threads;
  for (int client = 0; client < clients; ++client) {
    threads.emplace_back([&, client] {
      Seen& mine = seen[static_cast<size_t>(client)];
      mine.nanoseconds.reserve(1 << 16);
      Repeat(worker(client), begin, end, mine);
    });
  }
  for (std::thread& thread : threads) thread.join();
  Seen all;
  for (const Seen& one : seen) {
    all.nanoseconds.insert(all.nanoseconds.end(), one.nanoseconds.begin(), one.nanoseconds.end());
    all.failures += one.failures;
  }
  std::sort(all.nanoseconds.begin(), all.nanoseconds.end());
  const uint64_t counts[] = {all.nanoseconds.size(), all.failures};
  WriteAll(results, counts, sizeof counts);
  WriteAll(results, all.nanoseconds.data(), all.nanoseconds.size() * sizeof(uint32_t));
}

double CpuSeconds(pid_t pid) {
  clockid_t clock;
  timespec time{};
  if (pid == 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

double Load::Microseconds(double quantile) const {
  if (nanoseconds.empty()) return 0;
  const auto last = static_cast<double>(nanoseconds.size() - 1);
  return nanoseconds[static_cast<size_t>(last * quantile)] / 1000.0;
}

Load RunLoad(int clients, std::chrono::milliseconds duration, const Worker& worker, pid_t observed) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  const Clock::time_point begin = Clock::now() + kWarmUp;
  const Clock::time_point end = begin + duration;
  const pid_t child = fork();
  if (child < 0) std::abort();
  if (child == 0) {
    close(ends[0]);
    Work(clients, worker, begin, end, ends[1]);
    _exit(0);
  }
  close(ends[1]);
  Load load{.seconds = std::chrono::duration<double>(duration).count()};
  std::this_thread::sleep_until(begin);
  const double before = CpuSeconds(observed);
  std::this_thread::sleep_until(end);
  load.cpu_seconds = CpuSeconds(observed) - before;
  uint64_t counts[2] = {0, 0};
  if (ReadAll(ends[0], counts, sizeof counts)) {
    load.nanoseconds.resize(counts[0]);
    load.failures = counts[1];
    if (!ReadAll(ends[0], load.nanoseconds.data(), counts[0] * sizeof(uint32_t))) std::abort();
  } else {
    load.failures = 1;
  }
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return load;
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace aziot::bench
