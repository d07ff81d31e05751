#include "tests/bench/process_figures.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/bench/raw_client.h"

namespace aziot::bench {
namespace {

constexpr std::chrono::seconds kStartAtMost{20};

// Of a `Name:   123 kB` line.
double NumberOf(const std::string& line) { return std::atof(line.c_str() + line.find(':') + 1); }

}  // namespace

Memory MemoryOf(pid_t pid) {
  Memory memory;
  std::ifstream rollup(absl::StrCat("/proc/", pid, "/smaps_rollup"));
  for (std::string line; std::getline(rollup, line);) {
    if (line.rfind("Pss:", 0) == 0) memory.pss_kib = NumberOf(line);
    if (line.rfind("Anonymous:", 0) == 0) memory.private_dirty_kib = NumberOf(line);
  }
  return memory;
}

uint64_t WakeUpsOf(pid_t pid) {
  uint64_t sum = 0;
  for (const auto& task : std::filesystem::directory_iterator(absl::StrCat("/proc/", pid, "/task"))) {
    std::ifstream status(task.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("voluntary_ctxt_switches:", 0) == 0) sum += static_cast<uint64_t>(NumberOf(line));
    }
  }
  return sum;
}

double StartToAnswer(tests::DaemonProcess& daemon, const std::string& socket, const std::string& target,
                     const std::map<std::string, std::string>& environment) {
  const std::string question = Get(target);
  RawClient client(socket);
  const auto started = std::chrono::steady_clock::now();
  daemon.Start(environment);
  while (!client.Ask(question)) {
    if (!daemon.Runs() || std::chrono::steady_clock::now() - started > kStartAtMost) {
      GiveUp("no answer on " + socket, daemon.Log());
    }
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started).count();
}

void GiveUp(const std::string& what, const std::string& log) {
  std::fprintf(stderr, "%s\n%s\n", what.c_str(), log.c_str());
  std::exit(1);
}

}  // namespace aziot::bench
