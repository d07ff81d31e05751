// Builds the compact text of a JSON document from the events of a parser: what a json_text field holds.
#pragma once

#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "common/rpc/transcode.h"

namespace aziot::rpc {

// Every function but open() and Take() returns true, so that a SAX handler can return its result.
class JsonText {
 public:
  // Between the first bracket and the one that closes it.
  bool open() const { return depth_ > 0; }

  bool Null() { return Raw("null"); }
  bool Raw(absl::string_view value) {
    Comma();
    text_.append(value.data(), value.size());
    return true;
  }
  bool String(absl::string_view value) {
    Comma();
    AppendJsonString(value, text_);
    return true;
  }
  bool Key(absl::string_view name) {
    String(name);
    text_.push_back(':');
    return true;
  }
  bool StartObject() { return Start('{'); }
  bool StartArray() { return Start('['); }
  bool EndObject() { return End('}'); }
  bool EndArray() { return End(']'); }

  std::string Take() { return std::exchange(text_, {}); }

 private:
  void Comma() {
    if (text_.empty()) return;
    const char last = text_.back();
    if (last != '{' && last != '[' && last != ':') text_.push_back(',');
  }
  bool Start(char bracket) {
    Comma();
    text_.push_back(bracket);
    return ++depth_ > 0;
  }
  bool End(char bracket) {
    text_.push_back(bracket);
    return --depth_ >= 0;
  }

  std::string text_;
  int depth_ = 0;
};

}  // namespace aziot::rpc
