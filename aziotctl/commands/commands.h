// The commands, one file each; main.cc lists them. A command adds itself to the parser and, when it was
// called, leaves its exit status: 0 success, 1 failure, 2 usage.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace CLI {
class App;
}

namespace aziot::ctl {

struct Invocation {
  std::string root;  // of --root, before each built-in path
  int exit_status = 0;

  std::string Rooted(absl::string_view path) const { return root + std::string(path); }
};

// Prints a failure with its causes to stderr and leaves exit status 1.
void Fail(Invocation& invocation, const absl::Status& status);

void AddConfig(CLI::App& app, Invocation& invocation);
void AddSystem(CLI::App& app, Invocation& invocation);
void AddCheck(CLI::App& app, Invocation& invocation);

}  // namespace aziot::ctl
