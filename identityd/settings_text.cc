// Options written back as TOML: what config/ reads, the other way round.
#include <google/protobuf/message.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "aziot/config/v1/toml.pb.h"
#include "identityd/config.h"
#include "identityd/device/toml_string.h"

namespace aziot::identityd {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string Key(absl::string_view name) {
  for (const char c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-')
      return FormatTomlString(name);
  }
  return name.empty() ? "\"\"" : std::string(name);
}

std::string Scalar(const Message& message, const FieldDescriptor* field) {
  const Reflection& reflection = *message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(message, field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(reflection.GetUInt32(message, field));
    default:
      return FormatTomlString(reflection.GetString(message, field));
  }
}

std::string List(const Message& message, const FieldDescriptor* field) {
  std::vector<std::string> items;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
    items.push_back(FormatTomlString(message.GetReflection()->GetRepeatedString(message, field, i)));
  }
  return absl::StrCat("[", absl::StrJoin(items, ", "), "]");
}

bool IsMessage(const FieldDescriptor* field) { return field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE; }

// The text or list that stands where the table could, or "".
std::string InlineForm(const Message& message) {
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    if (!field->options().GetExtension(config::v1::text)) continue;
    if (field->is_repeated()) return List(message, field);
    const std::string text = message.GetReflection()->GetString(message, field);
    if (!text.empty()) return FormatTomlString(text);
  }
  return "";
}

class TomlWriter {
 public:
  // TOML wants the plain keys of a table before the tables inside it.
  void Write(const Message& message, const std::string& path) {
    std::vector<const FieldDescriptor*> tables;
    for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor* field = message.GetDescriptor()->field(i);
      // The text that could have stood for the whole table; as a key of it, it would be another thing.
      if (field->options().GetExtension(config::v1::text)) continue;
      // A field without presence is required (uid 0 must be written too) or a list.
      if (field->has_presence() && !message.GetReflection()->HasField(message, field)) continue;
      if (!WritePlain(message, field)) tables.push_back(field);
    }
    for (const FieldDescriptor* field : tables) WriteTables(message, field, path);
  }
  std::string Take() { return std::move(out_); }

 private:
  bool WritePlain(const Message& message, const FieldDescriptor* field) {
    const Reflection& reflection = *message.GetReflection();
    if (field->is_map()) {
      std::vector<std::string> lines;
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        const Message& entry = reflection.GetRepeatedMessage(message, field, i);
        lines.push_back(
            absl::StrCat(Key(entry.GetReflection()->GetString(entry, entry.GetDescriptor()->map_key())),
                         " = ", Scalar(entry, entry.GetDescriptor()->map_value()), "\n"));
      }
      // A map has no order of its own; the same settings must be the same text.
      std::sort(lines.begin(), lines.end());
      absl::StrAppend(&out_, absl::StrJoin(lines, ""));
      return true;
    }
    std::string value;
    if (!IsMessage(field)) {
      value = field->is_repeated() ? List(message, field) : Scalar(message, field);
    } else if (!field->is_repeated()) {
      value = InlineForm(reflection.GetMessage(message, field));
    }
    if (value.empty()) return false;
    absl::StrAppend(&out_, Key(field->name()), " = ", value, "\n");
    return true;
  }

  void WriteTables(const Message& message, const FieldDescriptor* field, const std::string& path) {
    const Reflection& reflection = *message.GetReflection();
    const std::string name = absl::StrCat(path, path.empty() ? "" : ".", Key(field->name()));
    if (!field->is_repeated()) {
      absl::StrAppend(&out_, "\n[", name, "]\n");
      Write(reflection.GetMessage(message, field), name);
      return;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      absl::StrAppend(&out_, "\n[[", name, "]]\n");
      Write(reflection.GetRepeatedMessage(message, field, i), name);
    }
  }

  std::string out_;
};

}  // namespace

std::string FormatSettings(const config::v1::Identityd& options) {
  config::v1::Identityd effective = options;
  if (!effective.has_prefer_module_identity_cache()) effective.set_prefer_module_identity_cache(false);
  TomlWriter writer;
  writer.Write(effective, "");
  return writer.Take();
}

}  // namespace aziot::identityd
