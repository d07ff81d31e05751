// Replays a sample through one front of the daemons.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/wire/sample.h"
#include "tests/wire/world.h"

namespace aziot::tests {

// Steps that this front has not are left out. Every difference fails the test, with the line of the sample.
void ReplayRest(World& world, const Sample& sample, absl::string_view api_version);
void ReplayGrpc(World& world, const Sample& sample);

}  // namespace aziot::tests
