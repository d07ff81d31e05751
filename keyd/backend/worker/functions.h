// Facts about the functions of KeyBackend, for whoever calls them from afar.
#pragma once

#include "aziot/keys/worker/v1/worker.pb.h"

namespace aziot::keyd::worker {

enum class Duration { kLookup, kUse, kCreation };

struct FunctionFacts {
  keys::worker::v1::Function function;
  const char* name;  // as in KeyBackend
  Duration duration;
  bool repeatable;  // a second time does what the first would have
};

const FunctionFacts& FactsOf(keys::worker::v1::Function function);

}  // namespace aziot::keyd::worker
