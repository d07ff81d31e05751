#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/bytes/base64.h"
#include "common/rpc/field_facts.h"
#include "common/rpc/json_text.h"
#include "common/rpc/transcode.h"

namespace aziot::rpc {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr int kMaxDepth = 128;

absl::Status Invalid(absl::string_view text) { return absl::InvalidArgumentError(text); }

// The lexer takes a NUL for the end of its input, and would read no further.
bool HasNul(absl::string_view json) { return json.find('\0') != absl::string_view::npos; }

// What every reader of ours shares: the depth limit, and a syntax error that does not show the text around
// it.
class Events {
 public:
  const absl::Status& status() const { return status_; }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) {
    return Fail(absl::StrCat("not valid JSON at byte ", position));
  }
  bool binary(nlohmann::json::binary_t&) { return Fail("not valid JSON"); }

 protected:
  bool Enter() { return ++depth_ <= kMaxDepth || Fail("JSON nested too deeply"); }
  bool Leave() {
    --depth_;
    return true;
  }
  bool Fail(absl::string_view text) {
    if (status_.ok()) status_ = Invalid(text);
    return false;
  }

 private:
  int depth_ = 0;
  absl::Status status_;
};

class Checker : public Events {
 public:
  bool null() { return true; }
  bool boolean(bool) { return true; }
  bool number_integer(int64_t) { return true; }
  bool number_unsigned(uint64_t) { return true; }
  bool number_float(double, const std::string&) { return true; }
  bool string(std::string&) { return true; }
  bool start_object(std::size_t) { return Enter(); }
  bool key(std::string&) { return true; }
  bool end_object() { return Leave(); }
  bool start_array(std::size_t) { return Enter(); }
  bool end_array() { return Leave(); }
};

absl::string_view Expected(const FieldDescriptor* field) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return "a string";
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_INT32:
      return "a whole number of 32 bits";
    case FieldDescriptor::CPPTYPE_INT64:
      return "a whole number of 64 bits";
    case FieldDescriptor::CPPTYPE_UINT32:
      return "a whole number from 0 to 4294967295";
    case FieldDescriptor::CPPTYPE_UINT64:
      return "a whole number of 64 bits that is not negative";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return "an object";
    default:
      return "a number";
  }
}

class MessageReader : public Events {
 public:
  MessageReader(Message& message, const Fields& given) : root_(message) {
    for (const FieldDescriptor* field : given) given_ |= Bit(field);
    frames_.reserve(8);
  }

  bool null() {
    if (ignoring_ > 0) return true;
    if (text_.open()) return text_.Null();
    if (frames_.empty()) return Fail("expected an object");
    Frame& frame = frames_.back();
    if (frame.field == nullptr) return true;
    if (IsJsonText(frame.field)) return Set(frame, "null");
    return frame.in_list ? WrongType() : true;  // a member that is null counts as absent
  }
  bool boolean(bool value) {
    if (ignoring_ > 0) return true;
    if (text_.open()) return text_.Raw(value ? "true" : "false");
    return Scalar([&](Frame& frame) {
      if (IsJsonText(frame.field)) return Set(frame, value ? "true" : "false");
      if (frame.field->cpp_type() != FieldDescriptor::CPPTYPE_BOOL) return WrongType();
      const Reflection& reflection = *frame.message->GetReflection();
      if (frame.in_list) {
        reflection.AddBool(frame.message, frame.field, value);
      } else {
        reflection.SetBool(frame.message, frame.field, value);
      }
      return Seen(frame);
    });
  }
  bool number_integer(int64_t value) {
    if (ignoring_ > 0) return true;
    if (text_.open()) return text_.Raw(absl::StrCat(value));
    return Scalar([&](Frame& frame) {
      return IsJsonText(frame.field) ? Set(frame, absl::StrCat(value)) : SetWhole(frame, value, value >= 0);
    });
  }
  bool number_unsigned(uint64_t value) {
    if (ignoring_ > 0) return true;
    if (text_.open()) return text_.Raw(absl::StrCat(value));
    return Scalar([&](Frame& frame) {
      if (IsJsonText(frame.field)) return Set(frame, absl::StrCat(value));
      if (value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        return SetWhole(frame, static_cast<int64_t>(value), true);
      }
      if (frame.field->cpp_type() != FieldDescriptor::CPPTYPE_UINT64)
        return SetReal(frame, static_cast<double>(value));
      const Reflection& reflection = *frame.message->GetReflection();
      if (frame.in_list) {
        reflection.AddUInt64(frame.message, frame.field, value);
      } else {
        reflection.SetUInt64(frame.message, frame.field, value);
      }
      return Seen(frame);
    });
  }
  bool number_float(double value, const std::string& text) {
    if (ignoring_ > 0) return true;
    if (text_.open()) return text_.Raw(text);
    return Scalar(
        [&](Frame& frame) { return IsJsonText(frame.field) ? Set(frame, text) : SetReal(frame, value); });
  }
  bool string(std::string& value) {
    if (ignoring_ > 0) return true;
    if (text_.open()) return text_.String(value);
    return Scalar([&](Frame& frame) {
      if (frame.field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) return WrongType();
      if (IsJsonText(frame.field)) {
        std::string quoted;
        AppendJsonString(value, quoted);
        return Set(frame, std::move(quoted));
      }
      if (!IsBytes(frame.field)) return Set(frame, std::move(value));
      const absl::StatusOr<Bytes> bytes = ParseBase64(value);
      if (!bytes.ok()) return FailMember("expected padded base64");
      return Set(frame, std::string(ToText(*bytes)));
    });
  }

  bool start_object(std::size_t) {
    if (!Enter()) return false;
    if (ignoring_ > 0) return ++ignoring_ > 0;
    if (text_.open()) return text_.StartObject();
    if (frames_.empty()) {
      frames_.push_back({.message = &root_});
      return true;
    }
    Frame& frame = frames_.back();
    if (frame.field == nullptr) return ++ignoring_ > 0;
    if (IsJsonText(frame.field)) return text_.StartObject();
    if (frame.field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE ||
        frame.field->is_repeated() != frame.in_list) {
      return WrongType();
    }
    const Reflection& reflection = *frame.message->GetReflection();
    Message* inner = frame.in_list ? reflection.AddMessage(frame.message, frame.field)
                                   : reflection.MutableMessage(frame.message, frame.field);
    Seen(frame);
    frames_.push_back({.message = inner});
    return true;
  }
  bool key(std::string& name) {
    if (ignoring_ > 0) return true;
    if (text_.open()) return text_.Key(name);
    Frame& frame = frames_.back();
    frame.field = FindField(*frame.message->GetDescriptor(), name);
    if (frame.field == nullptr) return true;
    if (frames_.size() == 1 && (given_ & Bit(frame.field)) != 0) {
      frame.field = nullptr;
    } else if ((frame.seen & Bit(frame.field)) != 0) {
      frame.message->GetReflection()->ClearField(frame.message, frame.field);
      frame.seen &= ~Bit(frame.field);
    }
    return true;
  }
  bool end_object() {
    Leave();
    if (ignoring_ > 0) return --ignoring_ >= 0;
    if (text_.open()) return text_.EndObject() && TakeText();
    const Frame& frame = frames_.back();
    const auto* type = frame.message->GetDescriptor();
    const uint64_t there = frame.seen | (frames_.size() == 1 ? given_ : 0);
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor* field = type->field(i);
      if (IsRequired(field) && (there & Bit(field)) == 0) {
        frames_.back().field = field;
        return Fail(absl::StrCat("missing member \"", Path(), "\""));
      }
    }
    frames_.pop_back();
    return true;
  }
  bool start_array(std::size_t) {
    if (!Enter()) return false;
    if (ignoring_ > 0) return ++ignoring_ > 0;
    if (text_.open()) return text_.StartArray();
    if (frames_.empty()) return Fail("expected an object");
    Frame& frame = frames_.back();
    if (frame.field == nullptr) return ++ignoring_ > 0;
    if (IsJsonText(frame.field)) return text_.StartArray();
    if (!frame.field->is_repeated() || frame.in_list) return WrongType();
    frame.in_list = true;
    return Seen(frame);
  }
  bool end_array() {
    Leave();
    if (ignoring_ > 0) return --ignoring_ >= 0;
    if (text_.open()) return text_.EndArray() && TakeText();
    frames_.back().in_list = false;
    return true;
  }

 private:
  struct Frame {
    Message* message;
    const FieldDescriptor* field = nullptr;  // of the member being read; nullptr: its value is ignored
    bool in_list = false;
    uint64_t seen = 0;
  };

  static uint64_t Bit(const FieldDescriptor* field) { return uint64_t{1} << (field->index() & 63); }

  static const FieldDescriptor* FindField(const google::protobuf::Descriptor& type, const std::string& name) {
    for (int i = 0; i < type.field_count(); ++i) {
      if (type.field(i)->json_name() == name) return type.field(i);
    }
    return nullptr;
  }

  template <class SetValue>
  bool Scalar(SetValue set) {
    if (frames_.empty()) return Fail("expected an object");
    Frame& frame = frames_.back();
    if (frame.field == nullptr) return true;
    if (frame.field->is_repeated() != frame.in_list) return WrongType();
    return set(frame);
  }

  static bool Seen(Frame& frame) {
    frame.seen |= Bit(frame.field);
    return true;
  }

  bool Set(Frame& frame, std::string text) {
    const Reflection& reflection = *frame.message->GetReflection();
    if (frame.in_list) {
      reflection.AddString(frame.message, frame.field, std::move(text));
    } else {
      reflection.SetString(frame.message, frame.field, std::move(text));
    }
    return Seen(frame);
  }

  bool SetWhole(Frame& frame, int64_t value, bool not_negative) {
    const Reflection& reflection = *frame.message->GetReflection();
    switch (frame.field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        if (value != static_cast<int32_t>(value)) return WrongType();
        frame.in_list ? reflection.AddInt32(frame.message, frame.field, static_cast<int32_t>(value))
                      : reflection.SetInt32(frame.message, frame.field, static_cast<int32_t>(value));
        return Seen(frame);
      case FieldDescriptor::CPPTYPE_INT64:
        frame.in_list ? reflection.AddInt64(frame.message, frame.field, value)
                      : reflection.SetInt64(frame.message, frame.field, value);
        return Seen(frame);
      case FieldDescriptor::CPPTYPE_UINT32:
        if (value != static_cast<uint32_t>(value)) return WrongType();
        frame.in_list ? reflection.AddUInt32(frame.message, frame.field, static_cast<uint32_t>(value))
                      : reflection.SetUInt32(frame.message, frame.field, static_cast<uint32_t>(value));
        return Seen(frame);
      case FieldDescriptor::CPPTYPE_UINT64:
        if (!not_negative) return WrongType();
        frame.in_list ? reflection.AddUInt64(frame.message, frame.field, static_cast<uint64_t>(value))
                      : reflection.SetUInt64(frame.message, frame.field, static_cast<uint64_t>(value));
        return Seen(frame);
      default:
        return SetReal(frame, static_cast<double>(value));
    }
  }

  bool SetReal(Frame& frame, double value) {
    const Reflection& reflection = *frame.message->GetReflection();
    if (frame.field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
      frame.in_list ? reflection.AddDouble(frame.message, frame.field, value)
                    : reflection.SetDouble(frame.message, frame.field, value);
      return Seen(frame);
    }
    return WrongType();
  }

  // The document under a json_text member is whole when its first bracket closes.
  bool TakeText() { return text_.open() || Set(frames_.back(), text_.Take()); }

  std::string Path() const {
    std::string path;
    for (const Frame& frame : frames_) {
      if (frame.field != nullptr) absl::StrAppend(&path, path.empty() ? "" : ".", frame.field->json_name());
    }
    return path;
  }
  bool FailMember(absl::string_view text) { return Fail(absl::StrCat("member \"", Path(), "\": ", text)); }
  bool WrongType() {
    const Frame& frame = frames_.back();
    if (frame.field->is_repeated() && !frame.in_list) return FailMember("expected a list");
    return FailMember(absl::StrCat("expected ", Expected(frame.field)));
  }

  Message& root_;
  uint64_t given_ = 0;
  std::vector<Frame> frames_;
  int ignoring_ = 0;  // open brackets of a value that nobody asked for
  JsonText text_;
};

template <class Reader>
absl::Status Run(absl::string_view json, Reader& reader) {
  if (HasNul(json)) return Invalid("not valid JSON: it contains a NUL");
  const bool whole = nlohmann::json::sax_parse(json.data(), json.data() + json.size(), &reader);
  if (!reader.status().ok()) return reader.status();
  return whole ? absl::OkStatus() : Invalid("not valid JSON");
}

}  // namespace

absl::Status ReadJson(absl::string_view json, const Fields& given, Message& message) {
  MessageReader reader(message, given);
  return Run(json, reader);
}

absl::Status CheckJson(absl::string_view json) {
  Checker checker;
  return Run(json, checker);
}

}  // namespace aziot::rpc
