// Messages as the JSON of our wire, both ways, by reflection (design: reader over a SAX parser, writer by hand).
#pragma once

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace aziot::rpc {

// Reads `json` into `message`. Names are json_name; unknown members are ignored, a repeated one: the last wins. A field
// without `optional` must be there: absent or null is an error; so are wrong types, unpadded or other base64 variants and
// broken UTF-8. Fields named in `given` (path and query fields) are neither required nor read. kInvalidArgument with a
// text for the caller that names the member and never repeats a value.
absl::Status ReadJson(absl::string_view json, const std::vector<const google::protobuf::FieldDescriptor*>& given,
                      google::protobuf::Message& message);

// Valid JSON, whatever it says.
absl::Status CheckJson(absl::string_view json);

// Compact; field order is field number; every field without `optional` is written, one with `optional` only when set; an
// empty list is []; bytes are padded base64; `/` and non-ASCII stand as they are.
std::string WriteJson(const google::protobuf::Message& message);

}  // namespace aziot::rpc
