#include "keyd/tpm/dead_stack.h"

#include <string.h>

#include <cstddef>

namespace aziot::keyd::tpm {
namespace {

// The TSS's deepest calls hold several structures of a few kilobytes each.
constexpr size_t kDepth = 64 << 10;

}  // namespace

[[gnu::noinline]] void WipeDeadStack() {
  char dead[kDepth];
  explicit_bzero(dead, sizeof dead);
}

}  // namespace aziot::keyd::tpm
