// Drives the misbehaving module of faulty_module.cc, which describes the language of its rules, in front of a
// SoftHSM2 of the test's own.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "common/testing/soft_hsm.h"
#include "common/testing/temp_dir.h"

namespace aziot::keyd::pkcs11::testing {

class FaultyModule {
 public:
  // Sets the environment that the module reads, for child processes too.
  FaultyModule();
  ~FaultyModule();
  FaultyModule(const FaultyModule&) = delete;
  FaultyModule& operator=(const FaultyModule&) = delete;

  // The shared object; needs AZIOT_BUILD_DIR.
  static std::string Path();

  // One rule a line; empty: behave.
  void Follow(absl::string_view rules);
  // How often a function was called since the last ForgetCalls.
  int Calls(absl::string_view function) const;
  int AllCalls() const;
  void ForgetCalls();

 private:
  std::string Log() const;

  const aziot::testing::TempDir directory_;
};

}  // namespace aziot::keyd::pkcs11::testing
