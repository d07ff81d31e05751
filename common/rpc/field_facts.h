// What the transcoder asks of a field again and again.
#pragma once

#include <google/protobuf/descriptor.h>

#include "aziot/api/v1/rest.pb.h"

namespace aziot::rpc {

inline bool IsRequired(const google::protobuf::FieldDescriptor* field) {
  return !field->has_optional_keyword() && field->real_containing_oneof() == nullptr;
}

inline bool IsJsonText(const google::protobuf::FieldDescriptor* field) {
  return field->options().GetExtension(api::v1::json_text);
}

inline bool IsBytes(const google::protobuf::FieldDescriptor* field) {
  return field->type() == google::protobuf::FieldDescriptor::TYPE_BYTES;
}

}  // namespace aziot::rpc
