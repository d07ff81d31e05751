// How deep a JSON text is nested, asked before a library sees it that takes memory for each level and writes
// by recursion.
#pragma once

#include "absl/strings/string_view.h"

namespace aziot::identityd {

// False when brackets are nested deeper than in any document that is meant well; says nothing else about
// `json`.
bool IsShallowJson(absl::string_view json);

}  // namespace aziot::identityd
