#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/config/document.h"

namespace aziot::config {

// Sets `message` from the root table `document`. Unknown keys are added to `warnings`; a value of the wrong
// type and a missing required key are kInvalidArgument with file, line, key and what was expected. Values are
// never repeated in a text, but for integers out of range: they may be secrets.
absl::Status ReadMessage(const Value& document, google::protobuf::Message& message,
                         std::vector<std::string>& warnings);

}  // namespace aziot::config
