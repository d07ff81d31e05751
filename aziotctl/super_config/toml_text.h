// TOML as the configuration tool has always written it: bare keys where possible, basic strings, arrays on
// one line, one blank line before each header, one final newline.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace aziot::ctl {

class TomlText {
 public:
  // `[path]`; the parts are written as keys.
  void Table(const std::vector<std::string>& path);
  // `[[name]]`.
  void ArrayTable(absl::string_view name);
  void String(absl::string_view key, absl::string_view value);
  void Integer(absl::string_view key, int64_t value);
  void Bool(absl::string_view key, bool value);
  // An array of byte values, for what is no text.
  void Bytes(absl::string_view key, absl::string_view value);
  void Strings(absl::string_view key, const std::vector<std::string>& values);

  const std::string& text() const { return text_; }

 private:
  void Header(absl::string_view header);
  std::string text_;
};

}  // namespace aziot::ctl
