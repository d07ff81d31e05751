// Which field of a configuration message a TOML key belongs to, and what may stand there.
#pragma once

#include <google/protobuf/descriptor.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace aziot::config {

// The field that takes `key` in a table of this type: the one of that name, else the `rest` map, else
// nullptr. A `text` field has no key: it is what stands in the table's place. In a map's entry type every key
// takes the value field.
const google::protobuf::FieldDescriptor* FieldOf(const google::protobuf::Descriptor& type,
                                                 absl::string_view key);

// The `text` field of a message that is single (a string in the table's place) or repeated (a list), or
// nullptr.
enum class TextForm { kString, kList };
const google::protobuf::FieldDescriptor* TextFieldOf(const google::protobuf::Descriptor& type, TextForm form);

// Whether a table may stand for this message at all: not if it has text fields alone.
bool TakesTable(const google::protobuf::Descriptor& type);

bool IsRest(const google::protobuf::FieldDescriptor& field);
bool IsRequired(const google::protobuf::FieldDescriptor& field);
bool IsByteArray(const google::protobuf::FieldDescriptor& field);
// The greatest value of a field that may be written as hexadecimal text, or nothing.
std::optional<uint32_t> HexadecimalTo(const google::protobuf::FieldDescriptor& field);
// The greatest length of a string field, or nothing.
std::optional<uint32_t> BytesTo(const google::protobuf::FieldDescriptor& field);
// A number of `[limits]`: zero would let nothing through.
bool IsLimit(const google::protobuf::FieldDescriptor& field);

// What may stand for one value of `field`: "a string", "an integer from 0 to 4294967295", "a string or a
// table", …
std::string ExpectedItem(const google::protobuf::FieldDescriptor& field);
// The same for the whole field: "an array (each a string)", …
std::string Expected(const google::protobuf::FieldDescriptor& field);

}  // namespace aziot::config
