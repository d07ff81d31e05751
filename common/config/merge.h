#pragma once

#include <google/protobuf/descriptor.h>

#include "common/config/document.h"

namespace aziot::config {

// Lays `patch` over `base`, both tables of `type` (nullptr where the type knows nothing of the key): tables
// merge key by key, arrays append, anything else is replaced. An array of byte values is one value and is
// replaced too.
void Merge(Value& base, Value&& patch, const google::protobuf::Descriptor* type);

}  // namespace aziot::config
