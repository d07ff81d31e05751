#include "common/config/fields.h"

#include <cstdint>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "aziot/config/v1/limits.pb.h"
#include "aziot/config/v1/toml.pb.h"

namespace aziot::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
namespace v1 = ::aziot::config::v1;

bool IsText(const FieldDescriptor& field) { return field.options().GetExtension(v1::text); }

// 0x7FFFFF as `0x7F_FF_FF`, 0 as `0x00_00_00`: in as many pairs of digits as `greatest` needs.
std::string HexPairs(uint32_t value, uint32_t greatest) {
  std::string text;
  for (; greatest != 0; greatest >>= 8, value >>= 8) {
    text = absl::StrCat(absl::StrFormat("%02X", value & 0xFF), text.empty() ? "" : "_", text);
  }
  return absl::StrCat("0x", text);
}

template <class Integer>
std::string Range(Integer least = std::numeric_limits<Integer>::min()) {
  return absl::StrCat("an integer from ", least, " to ", std::numeric_limits<Integer>::max());
}

}  // namespace

const FieldDescriptor* FieldOf(const Descriptor& type, absl::string_view key) {
  if (type.options().map_entry()) return type.map_value();
  const FieldDescriptor* rest = nullptr;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (IsRest(field)) {
      rest = &field;
    } else if (!IsText(field) && field.name() == key) {
      return &field;
    }
  }
  return rest;
}

const FieldDescriptor* TextFieldOf(const Descriptor& type, TextForm form) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (IsText(field) && field.is_repeated() == (form == TextForm::kList)) return &field;
  }
  return nullptr;
}

bool TakesTable(const Descriptor& type) {
  for (int i = 0; i < type.field_count(); ++i) {
    if (!IsText(*type.field(i))) return true;
  }
  return type.field_count() == 0;
}

bool IsRest(const FieldDescriptor& field) { return field.options().GetExtension(v1::rest); }
bool IsRequired(const FieldDescriptor& field) { return field.options().GetExtension(v1::required); }
bool IsByteArray(const FieldDescriptor& field) { return field.options().GetExtension(v1::byte_array); }
std::optional<uint32_t> HexadecimalTo(const FieldDescriptor& field) {
  if (!field.options().HasExtension(v1::hexadecimal_to)) return std::nullopt;
  return field.options().GetExtension(v1::hexadecimal_to);
}
std::optional<uint32_t> BytesTo(const FieldDescriptor& field) {
  if (!field.options().HasExtension(v1::bytes_to)) return std::nullopt;
  return field.options().GetExtension(v1::bytes_to);
}
bool IsLimit(const FieldDescriptor& field) { return field.containing_type() == v1::Limits::descriptor(); }

std::string ExpectedItem(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return IsByteArray(field) ? "a string or an array of byte values (1 to 255)" : "a string";
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_INT32:
      return Range<int32_t>();
    case FieldDescriptor::CPPTYPE_UINT32:
      if (const std::optional<uint32_t> greatest = HexadecimalTo(field)) {
        return absl::StrCat("an integer in range ", HexPairs(0, *greatest),
                            "..=", HexPairs(*greatest, *greatest), " (also as text, \"0x…\")");
      }
      return IsLimit(field) ? Range<uint32_t>(1) : Range<uint32_t>();
    case FieldDescriptor::CPPTYPE_INT64:
      return Range<int64_t>();
    case FieldDescriptor::CPPTYPE_UINT64:
      return "an integer, 0 or more";
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return "a number";
    default:
      break;
  }
  if (field.message_type() == nullptr) return "nothing this program can read";
  std::vector<std::string> forms;
  if (TextFieldOf(*field.message_type(), TextForm::kString) != nullptr) forms.push_back("a string");
  if (TextFieldOf(*field.message_type(), TextForm::kList) != nullptr) forms.push_back("an array of strings");
  if (TakesTable(*field.message_type())) forms.push_back("a table");
  return absl::StrJoin(forms, " or ");
}

std::string Expected(const FieldDescriptor& field) {
  if (field.is_map()) return "a table";
  if (field.is_repeated()) return absl::StrCat("an array (each ", ExpectedItem(field), ")");
  return ExpectedItem(field);
}

}  // namespace aziot::config
