// Waiting for what another process does. Timings decide nothing: the limit only ends a test that has failed.
#pragma once

#include <chrono>
#include <thread>

namespace aziot::tests {

// Polls for up to a minute.
template <class Condition>
bool Eventually(const Condition& condition) {
  for (int i = 0; i < 6'000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace aziot::tests
