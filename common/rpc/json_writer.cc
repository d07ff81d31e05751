#include <algorithm>
#include <charconv>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/bytes/base64.h"
#include "common/ids/utf8.h"
#include "common/rpc/field_facts.h"
#include "common/rpc/transcode.h"

namespace aziot::rpc {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr char kReplacement[] = "\xEF\xBF\xBD";  // U+FFFD

// The length of the well-formed sequence that `text` begins with, or 0.
size_t SequenceLength(absl::string_view text) {
  for (size_t length = 1; length <= std::min<size_t>(4, text.size()); ++length) {
    if (IsUtf8(text.substr(0, length))) return length;
  }
  return 0;
}

std::string WithReplacements(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    if (length == 0) {
      out += kReplacement;
    } else {
      out.append(text.data(), length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

void AppendEscaped(absl::string_view text, std::string& out) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          absl::StrAppend(&out, "\\u00", absl::string_view(&kDigits[c >> 4], 1),
                          absl::string_view(&kDigits[c & 15], 1));
        } else {
          out.push_back(c);
        }
    }
  }
}

void AppendDouble(double value, std::string& out) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  out.append(text, end);
}

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void WriteMessage(const Message& message, const Fields& skipped) {
    const auto* type = message.GetDescriptor();
    const Reflection& reflection = *message.GetReflection();
    char before = '{';
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor* field = type->field(i);
      if (!field->is_repeated() && !IsRequired(field) && !reflection.HasField(message, field)) continue;
      if (!skipped.empty() && std::find(skipped.begin(), skipped.end(), field) != skipped.end()) continue;
      out_.push_back(before);
      before = ',';
      out_.push_back('"');
      out_ += field->json_name();
      out_ += "\":";
      if (field->is_repeated()) {
        WriteList(message, reflection, field);
      } else {
        WriteSingle(message, reflection, field);
      }
    }
    if (before == '{') out_.push_back('{');
    out_.push_back('}');
  }

 private:
  void WriteText(const FieldDescriptor* field, absl::string_view text) {
    if (IsBytes(field)) {
      out_.push_back('"');
      out_ += FormatBase64(ToBytesView(text));
      out_.push_back('"');
    } else if (IsJsonText(field)) {
      // A document that is none must not break the one around it.
      out_.append(CheckJson(text).ok() ? std::string(text) : "null");
    } else {
      AppendJsonString(text, out_);
    }
  }

  void WriteSingle(const Message& message, const Reflection& reflection, const FieldDescriptor* field) {
    std::string scratch;
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        return WriteText(field, reflection.GetStringReference(message, field, &scratch));
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return WriteMessage(reflection.GetMessage(message, field), {});
      case FieldDescriptor::CPPTYPE_BOOL:
        out_ += reflection.GetBool(message, field) ? "true" : "false";
        return;
      case FieldDescriptor::CPPTYPE_INT32:
        return absl::StrAppend(&out_, reflection.GetInt32(message, field));
      case FieldDescriptor::CPPTYPE_INT64:
        return absl::StrAppend(&out_, reflection.GetInt64(message, field));
      case FieldDescriptor::CPPTYPE_UINT32:
        return absl::StrAppend(&out_, reflection.GetUInt32(message, field));
      case FieldDescriptor::CPPTYPE_UINT64:
        return absl::StrAppend(&out_, reflection.GetUInt64(message, field));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return AppendDouble(reflection.GetDouble(message, field), out_);
      default:  // refused by CheckTranscodable
        out_ += "null";
    }
  }

  void WriteList(const Message& message, const Reflection& reflection, const FieldDescriptor* field) {
    std::string scratch;
    out_.push_back('[');
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      if (i > 0) out_.push_back(',');
      switch (field->cpp_type()) {
        case FieldDescriptor::CPPTYPE_STRING:
          WriteText(field, reflection.GetRepeatedStringReference(message, field, i, &scratch));
          break;
        case FieldDescriptor::CPPTYPE_MESSAGE:
          WriteMessage(reflection.GetRepeatedMessage(message, field, i), {});
          break;
        case FieldDescriptor::CPPTYPE_BOOL:
          out_ += reflection.GetRepeatedBool(message, field, i) ? "true" : "false";
          break;
        case FieldDescriptor::CPPTYPE_INT32:
          absl::StrAppend(&out_, reflection.GetRepeatedInt32(message, field, i));
          break;
        case FieldDescriptor::CPPTYPE_INT64:
          absl::StrAppend(&out_, reflection.GetRepeatedInt64(message, field, i));
          break;
        case FieldDescriptor::CPPTYPE_UINT32:
          absl::StrAppend(&out_, reflection.GetRepeatedUInt32(message, field, i));
          break;
        case FieldDescriptor::CPPTYPE_UINT64:
          absl::StrAppend(&out_, reflection.GetRepeatedUInt64(message, field, i));
          break;
        case FieldDescriptor::CPPTYPE_DOUBLE:
          AppendDouble(reflection.GetRepeatedDouble(message, field, i), out_);
          break;
        default:  // refused by CheckTranscodable
          out_ += "null";
      }
    }
    out_.push_back(']');
  }

  std::string& out_;
};

}  // namespace

void AppendJsonString(absl::string_view text, std::string& out) {
  bool plain = true;
  bool ascii = true;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    plain = plain && byte >= 0x20 && c != '"' && c != '\\';
    ascii = ascii && byte < 0x80;
  }
  out.push_back('"');
  if (!ascii && !IsUtf8(text)) {
    AppendEscaped(WithReplacements(text), out);
  } else if (plain) {
    out.append(text.data(), text.size());
  } else {
    AppendEscaped(text, out);
  }
  out.push_back('"');
}

std::string WriteJson(const Message& message, const Fields& skipped) {
  std::string out;
  out.reserve(256);
  Writer(out).WriteMessage(message, skipped);
  return out;
}

}  // namespace aziot::rpc
