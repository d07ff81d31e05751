// The real provisiond in a private root with one symmetric key group, and as many devices as a case wants.
#pragma once

#include <sys/types.h>

#include <string>

#include "tests/bench/provisiond_bench_client.h"
#include "tests/support/daemon_process.h"
#include "tests/support/temp_root.h"

namespace aziot::bench {

class CloudUnderTest {
 public:
  // Starts empty but for one registered device. Ends the process when provisiond does not start.
  CloudUnderTest();

  // Starts provisiond again with `devices` in its store: copies of the one, written while it was stopped.
  // What registered meanwhile is gone.
  void Hold(int devices);

  const Service& service() const { return service_; }
  pid_t pid() const { return provisiond_.pid(); }
  // Of the daemon's own file system, for floors.
  std::string scratch() const { return root_.Join("var/lib/provisiond"); }

 private:
  void Start();
  std::string Provisionctl(const std::string& arguments) const;

  tests::TempRoot root_;
  tests::DaemonProcess provisiond_;
  Service service_;
};

}  // namespace aziot::bench
