// How a file is called while it is being written, so that a later start knows what a crash left behind.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace aziot::files {

// ".<name>.tmp-<16 random hex digits>"; `name` is cut where the whole would be too long for a file name.
std::string NewTemporaryName(absl::string_view name);

bool IsTemporaryName(absl::string_view name);

}  // namespace aziot::files
