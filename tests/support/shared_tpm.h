// A software TPM that daemons running as other users may open.
#pragma once

#include <string>

#include "common/testing/swtpm.h"

namespace aziot::tests {

class SharedTpm {
 public:
  SharedTpm() { Open(); }

  // A `tcti` as in the daemons' configuration.
  std::string tcti() const { return swtpm_.tcti(); }
  void Kill() { swtpm_.Kill(); }
  void Start();
  // From now on it takes commands and does not answer, until Kill.
  void Hang();

 private:
  void Open();

  testing::Swtpm swtpm_;
};

}  // namespace aziot::tests
