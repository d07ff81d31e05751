#include <set>

#include "absl/strings/str_cat.h"
#include "common/rpc/field_facts.h"
#include "common/rpc/transcode.h"
#include "common/status/status_macros.h"

namespace aziot::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr int kMaxFields = 64;  // the reader keeps a bit for each

absl::string_view Unfit(const FieldDescriptor* field) {
  if (field->is_map()) return "maps are not transcoded";
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) return "enums are not transcoded: use words";
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_FLOAT) return "use double";
  if (IsJsonText(field) && (field->type() != FieldDescriptor::TYPE_STRING || field->is_repeated())) {
    return "json_text is for single strings";
  }
  if (field->index() > 0 && field->containing_type()->field(field->index() - 1)->number() > field->number()) {
    return "declared before a smaller number";
  }
  return "";
}

absl::Status Check(const Descriptor* type, std::set<const Descriptor*>& checked) {
  if (!checked.insert(type).second) return absl::OkStatus();
  if (type->field_count() > kMaxFields)
    return absl::InvalidArgumentError(absl::StrCat(type->full_name(), ": too many fields"));
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (const absl::string_view unfit = Unfit(field); !unfit.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(field->full_name(), ": ", unfit));
    }
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE)
      RETURN_IF_ERROR(Check(field->message_type(), checked));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTranscodable(const Descriptor* type) {
  std::set<const Descriptor*> checked;
  return Check(type, checked);
}

}  // namespace aziot::rpc
