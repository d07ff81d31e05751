// A SoftHSM2 of a test's own: its tokens lie in a directory that goes with it. One at a time, for the module
// finds its configuration through the process's environment.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/testing/temp_dir.h"

namespace aziot::testing {

// Runs a program to its end, without a shell; its output goes into the message when it fails, which ends the
// process. For the tools that prepare tokens.
void RunTool(const std::vector<std::string>& arguments);

class SoftHsm {
 public:
  static constexpr absl::string_view kPin = "1234";
  static constexpr absl::string_view kSoPin = "12345678";

  // With one token of that label, whose user PIN is kPin. Sets SOFTHSM2_CONF, for child processes too.
  explicit SoftHsm(absl::string_view label = "device");
  SoftHsm(const SoftHsm&) = delete;
  SoftHsm& operator=(const SoftHsm&) = delete;
  ~SoftHsm();

  // The module; ends the process when it is not installed.
  static std::string ModulePath();

  // Another token.
  void AddToken(absl::string_view label, absl::string_view pin = kPin);
  // As if pulled and put back; a running module sees either at its next C_Initialize.
  void PullTokens();
  void PutBackTokens();
  // For the processes that a test starts: "SOFTHSM2_CONF=...".
  std::string Environment() const;
  const std::string& directory() const { return directory_.path(); }

 private:
  const TempDir directory_;
};

}  // namespace aziot::testing
