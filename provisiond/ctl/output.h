// What provisionctl prints: tables for people, the daemon's own JSON for programs.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace aziot::provisiond::ctl {

// `text` as a terminal may get it: control characters and what is no UTF-8 as \xNN, all else as it is.
std::string Printable(absl::string_view text);

using Lines = std::vector<std::vector<std::string>>;

// Both print what others wrote as Printable. Columns as wide as their longest cell; the first line is the
// heading.
void PrintTable(const Lines& lines);
// `name: value` lines; empty values are left out.
void PrintFields(const std::vector<std::pair<std::string, std::string>>& fields);
void PrintJson(const google::protobuf::Message& message);

}  // namespace aziot::provisiond::ctl
