// What the kernel says of a daemon's process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "tests/support/daemon_process.h"

namespace aziot::bench {

struct Memory {
  double pss_kib = 0;
  double private_dirty_kib = 0;  // anonymous: pages of a program just linked are dirty, too
};

Memory MemoryOf(pid_t pid);
// How often its threads have been woken.
uint64_t WakeUpsOf(pid_t pid);

// Starts it and asks `target` until it answers with 200: from exec to the first answer, in milliseconds. Ends
// this process when it does not come up.
double StartToAnswer(tests::DaemonProcess& daemon, const std::string& socket, const std::string& target,
                     const std::map<std::string, std::string>& environment = {});

// Says what is wrong and ends this process: without a daemon there is nothing to measure.
[[noreturn]] void GiveUp(const std::string& what, const std::string& log);

}  // namespace aziot::bench
