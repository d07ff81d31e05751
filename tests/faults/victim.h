// A daemon that is made to suffer: one real keyd or certd in a root of its own, asked over its socket as
// root.
#pragma once

#include <map>
#include <string>

#include "common/http/message.h"
#include "tests/faults/disk_model.h"
#include "tests/faults/injector.h"
#include "tests/support/daemon_process.h"
#include "tests/support/temp_root.h"

namespace aziot::tests::faults {

class Victim {
 public:
  // `name`: keyd or certd; `user`: whose process it is.
  Victim(const TempRoot& root, const std::string& name, const std::string& user);

  // Starts it and waits until it answers; with `injector`, preloaded.
  void Start(const Injector* injector = nullptr);
  void Kill();
  DaemonProcess& process() { return process_; }

  // Status 0: nobody answered.
  http::Response Ask(const std::string& verb, const std::string& path, const std::string& body = "") const;
  // Where it keeps its state.
  std::string home() const { return root_.Join("var/lib/aziot/" + name_); }

 private:
  const TempRoot& root_;
  const std::string name_;
  DaemonProcess process_;
};

// A text member of a JSON body, or "".
std::string Member(const http::Response& answer, const char* name);

}  // namespace aziot::tests::faults
