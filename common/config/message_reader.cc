#include "common/config/message_reader.h"

#include <limits>
#include <optional>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/config/fields.h"
#include "common/status/status_macros.h"

namespace aziot::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::string Found(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kString:
      return "a string";
    case Value::Kind::kInteger:
      return "an integer";
    case Value::Kind::kFloat:
      return "a float";
    case Value::Kind::kBoolean:
      return "a boolean";
    case Value::Kind::kDate:
      return "a date or time";
    case Value::Kind::kArray:
      return "an array";
    case Value::Kind::kTable:
      break;
  }
  return "a table";
}

std::string Join(const std::string& path, const std::string& key) {
  bool bare = !key.empty();
  for (const char c : key) bare = bare && (absl::ascii_isalnum(c) || c == '_' || c == '-');
  const std::string shown = bare ? key : absl::StrCat("\"", absl::Utf8SafeCEscape(key), "\"");
  return path.empty() ? shown : absl::StrCat(path, ".", shown);
}

absl::Status WrongType(const Value& value, const std::string& path, const std::string& expected) {
  return absl::InvalidArgumentError(
      absl::StrCat(value.place.Format(), ": ", path, ": expected ", expected, ", found ", Found(value)));
}

template <class Integer>
bool InRange(int64_t number) {
  if constexpr (std::is_unsigned_v<Integer>) {
    return number >= 0 && static_cast<uint64_t>(number) <= std::numeric_limits<Integer>::max();
  } else {
    return number >= std::numeric_limits<Integer>::min() && number <= std::numeric_limits<Integer>::max();
  }
}

// `0x1234`, with TOML's `_` between digits.
std::optional<uint32_t> ParseHexadecimal(const std::string& text) {
  uint32_t number = 0;
  const std::string digits = absl::StrReplaceAll(text, {{"_", ""}});
  if (!absl::StartsWith(digits, "0x") || !absl::SimpleHexAtoi(digits, &number)) return std::nullopt;
  return number;
}

// What is wrong with the text of a field, or "".
std::string Refused(const FieldDescriptor& field, const std::string& text) {
  if (IsByteArray(field) && absl::StrContains(text, '\0')) return "no NUL may be in it";
  const std::optional<uint32_t> most = BytesTo(field);
  if (!most.has_value() || text.size() <= *most) return "";
  return absl::StrCat("expected at most ", *most, " bytes, found ", text.size());
}

class Reader {
 public:
  explicit Reader(std::vector<std::string>& warnings) : warnings_(warnings) {}

  absl::Status Table(const Value& table, const std::string& path, Message& message) {
    const Descriptor& type = *message.GetDescriptor();
    std::set<const FieldDescriptor*> seen;
    for (const Member& member : table.members) {
      const std::string here = Join(path, member.key);
      const FieldDescriptor* field = FieldOf(type, member.key);
      if (field == nullptr) {
        Unknown(member, here, path.empty());
        continue;
      }
      seen.insert(field);
      if (IsRest(*field)) {
        RETURN_IF_ERROR(MapEntry(*field, member, here, message));
      } else {
        RETURN_IF_ERROR(Field(*field, member.value, here, message));
      }
    }
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      if (IsRequired(field) && !seen.contains(&field)) {
        return absl::InvalidArgumentError(absl::StrCat(table.place.Format(), ": ", Join(path, field.name()),
                                                       ": missing; expected ", Expected(field)));
      }
    }
    return absl::OkStatus();
  }

 private:
  void Unknown(const Member& member, const std::string& path, bool at_root) {
    const bool endpoints = at_root && member.key == "endpoints" && member.value.kind == Value::Kind::kTable;
    warnings_.push_back(absl::StrCat(member.value.place.Format(), ": ",
                                     endpoints ? "[endpoints] is ignored: sockets are fixed in release builds"
                                               : absl::StrCat("unknown key ", path, " is ignored")));
  }

  absl::Status Field(const FieldDescriptor& field, const Value& value, const std::string& path,
                     Message& message) {
    if (field.is_map()) {
      if (value.kind != Value::Kind::kTable) return WrongType(value, path, Expected(field));
      for (const Member& member : value.members) {
        RETURN_IF_ERROR(MapEntry(field, member, Join(path, member.key), message));
      }
      return absl::OkStatus();
    }
    if (!field.is_repeated()) return Single(field, value, path, message);
    if (value.kind != Value::Kind::kArray) return WrongType(value, path, Expected(field));
    for (size_t i = 0; i < value.items.size(); ++i) {
      RETURN_IF_ERROR(Single(field, value.items[i], absl::StrCat(path, "[", i, "]"), message));
    }
    return absl::OkStatus();
  }

  absl::Status MapEntry(const FieldDescriptor& field, const Member& member, const std::string& path,
                        Message& message) {
    const Descriptor& type = *field.message_type();
    if (type.map_key()->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
      return absl::InternalError(absl::StrCat(field.full_name(), ": a configuration map has string keys"));
    }
    Message* const entry = message.GetReflection()->AddMessage(&message, &field);
    entry->GetReflection()->SetString(entry, type.map_key(), member.key);
    return Single(*type.map_value(), member.value, path, *entry);
  }

  // Sets `field`, or adds one item when it is repeated.
  absl::Status Single(const FieldDescriptor& field, const Value& value, const std::string& path,
                      Message& message) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        return Text(field, value, path, message);
      case FieldDescriptor::CPPTYPE_MESSAGE: {
        Message* const child = field.is_repeated()
                                   ? message.GetReflection()->AddMessage(&message, &field)
                                   : message.GetReflection()->MutableMessage(&message, &field);
        return Child(field, value, path, *child);
      }
      case FieldDescriptor::CPPTYPE_BOOL:
        if (value.kind != Value::Kind::kBoolean) break;
        return Put(field, message, value.boolean);
      case FieldDescriptor::CPPTYPE_INT32:
        return Integer<int32_t>(field, value, path, message);
      case FieldDescriptor::CPPTYPE_UINT32:
        if (HexadecimalTo(field).has_value()) return Hexadecimal(field, value, path, message);
        return Integer<uint32_t>(field, value, path, message);
      case FieldDescriptor::CPPTYPE_INT64:
        return Integer<int64_t>(field, value, path, message);
      case FieldDescriptor::CPPTYPE_UINT64:
        return Integer<uint64_t>(field, value, path, message);
      case FieldDescriptor::CPPTYPE_FLOAT:
      case FieldDescriptor::CPPTYPE_DOUBLE:
        if (value.kind != Value::Kind::kFloat && value.kind != Value::Kind::kInteger) break;
        return Number(field, message,
                      value.kind == Value::Kind::kFloat ? value.real : static_cast<double>(value.integer));
      default:
        return absl::InternalError(absl::StrCat(field.full_name(), ": this type has no form in TOML"));
    }
    return WrongType(value, path, ExpectedItem(field));
  }

  absl::Status Child(const FieldDescriptor& field, const Value& value, const std::string& path,
                     Message& child) {
    const Descriptor& type = *child.GetDescriptor();
    if (value.kind == Value::Kind::kTable && TakesTable(type)) return Table(value, path, child);
    if (value.kind == Value::Kind::kString) {
      if (const FieldDescriptor* text = TextFieldOf(type, TextForm::kString))
        return Text(*text, value, path, child);
    }
    if (value.kind == Value::Kind::kArray) {
      if (const FieldDescriptor* list = TextFieldOf(type, TextForm::kList))
        return Field(*list, value, path, child);
    }
    return WrongType(value, path, ExpectedItem(field));
  }

  absl::Status Text(const FieldDescriptor& field, const Value& value, const std::string& path,
                    Message& message) {
    std::string text = value.text;
    if (IsByteArray(field) && value.kind == Value::Kind::kArray) {
      for (const Value& item : value.items) {
        if (item.kind != Value::Kind::kInteger || item.integer < 1 || item.integer > 255) {
          return absl::InvalidArgumentError(
              absl::StrCat(item.place.Format(), ": ", path, ": expected ", ExpectedItem(field)));
        }
        text.push_back(static_cast<char>(item.integer));
      }
    } else if (value.kind != Value::Kind::kString) {
      return WrongType(value, path, ExpectedItem(field));
    }
    if (const std::string refused = Refused(field, text); !refused.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(value.place.Format(), ": ", path, ": ", refused));
    }
    if (field.is_repeated()) {
      message.GetReflection()->AddString(&message, &field, std::move(text));
    } else {
      message.GetReflection()->SetString(&message, &field, std::move(text));
    }
    return absl::OkStatus();
  }

  template <class T>
  absl::Status Integer(const FieldDescriptor& field, const Value& value, const std::string& path,
                       Message& message) {
    if (value.kind != Value::Kind::kInteger) return WrongType(value, path, ExpectedItem(field));
    if (!InRange<T>(value.integer) || (value.integer == 0 && IsLimit(field))) {
      return absl::InvalidArgumentError(absl::StrCat(value.place.Format(), ": ", path, ": expected ",
                                                     ExpectedItem(field), ", found ", value.integer));
    }
    return Put(field, message, static_cast<T>(value.integer));
  }

  absl::Status Hexadecimal(const FieldDescriptor& field, const Value& value, const std::string& path,
                           Message& message) {
    std::optional<uint32_t> number;
    if (value.kind == Value::Kind::kString) number = ParseHexadecimal(value.text);
    if (value.kind == Value::Kind::kInteger && InRange<uint32_t>(value.integer)) {
      number = static_cast<uint32_t>(value.integer);
    }
    if (number.has_value() && *number <= HexadecimalTo(field)) return Put(field, message, *number);
    if (value.kind != Value::Kind::kInteger) return WrongType(value, path, ExpectedItem(field));
    return absl::InvalidArgumentError(absl::StrCat(value.place.Format(), ": ", path, ": expected ",
                                                   ExpectedItem(field), ", found ", value.integer));
  }

  static absl::Status Number(const FieldDescriptor& field, Message& message, double number) {
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) return Put(field, message, number);
    return Put(field, message, static_cast<float>(number));
  }

  template <class T>
  static absl::Status Put(const FieldDescriptor& field, Message& message, T value) {
    const google::protobuf::Reflection& reflection = *message.GetReflection();
    const bool add = field.is_repeated();
    if constexpr (std::is_same_v<T, bool>) {
      add ? reflection.AddBool(&message, &field, value) : reflection.SetBool(&message, &field, value);
    } else if constexpr (std::is_same_v<T, int32_t>) {
      add ? reflection.AddInt32(&message, &field, value) : reflection.SetInt32(&message, &field, value);
    } else if constexpr (std::is_same_v<T, uint32_t>) {
      add ? reflection.AddUInt32(&message, &field, value) : reflection.SetUInt32(&message, &field, value);
    } else if constexpr (std::is_same_v<T, int64_t>) {
      add ? reflection.AddInt64(&message, &field, value) : reflection.SetInt64(&message, &field, value);
    } else if constexpr (std::is_same_v<T, uint64_t>) {
      add ? reflection.AddUInt64(&message, &field, value) : reflection.SetUInt64(&message, &field, value);
    } else if constexpr (std::is_same_v<T, float>) {
      add ? reflection.AddFloat(&message, &field, value) : reflection.SetFloat(&message, &field, value);
    } else {
      add ? reflection.AddDouble(&message, &field, value) : reflection.SetDouble(&message, &field, value);
    }
    return absl::OkStatus();
  }

  std::vector<std::string>& warnings_;
};

}  // namespace

absl::Status ReadMessage(const Value& document, Message& message, std::vector<std::string>& warnings) {
  message.Clear();
  return Reader(warnings).Table(document, "", message);
}

}  // namespace aziot::config
