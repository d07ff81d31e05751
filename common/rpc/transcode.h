// Messages as the JSON of our wire, both ways, by reflection (design: reader over a SAX parser, writer by
// hand).
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace aziot::rpc {

using Fields = std::vector<const google::protobuf::FieldDescriptor*>;

// Reads `json` into `message`. Names are json_name; unknown members are ignored, a repeated one: the last
// wins. A field without `optional` must be there: absent or null is an error; so are wrong types, unpadded or
// other base64 variants, broken UTF-8 and more than 128 levels. Fields named in `given` (path and query
// fields) are neither required nor read. kInvalidArgument with a text for the caller that names the member
// and never repeats a value.
absl::Status ReadJson(absl::string_view json, const Fields& given, google::protobuf::Message& message);

// Valid JSON of at most 128 levels, whatever it says.
absl::Status CheckJson(absl::string_view json);

// Compact; field order is field number; every field without `optional` is written, one with `optional` only
// when set; an empty list is []; bytes are padded base64; `/` and non-ASCII stand as they are, what is not
// UTF-8 becomes U+FFFD. Top-level fields in `skipped` are left out.
std::string WriteJson(const google::protobuf::Message& message, const Fields& skipped = {});

// `text` as a JSON string with its quotes, as WriteJson writes it.
void AppendJsonString(absl::string_view text, std::string& out);

// Whether messages of this type, and those within, can be read and written: at most 64 fields, declared in
// the order of their numbers; no maps, enums or floats; json_text on single strings only. kInvalidArgument
// names the field.
absl::Status CheckTranscodable(const google::protobuf::Descriptor* type);

}  // namespace aziot::rpc
