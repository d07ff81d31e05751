#include "provisiond/ctl/output.h"

#include <algorithm>
#include <cstdio>

#include "common/rpc/transcode.h"

namespace aziot::provisiond::ctl {

void PrintTable(const Lines& lines) {
  std::vector<size_t> widths;
  for (const auto& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  for (const auto& line : lines) {
    std::string text;
    for (size_t i = 0; i < line.size(); ++i) {
      text += line[i];
      if (i + 1 < line.size()) text.append(widths[i] - line[i].size() + 2, ' ');
    }
    std::printf("%s\n", text.c_str());
  }
}

void PrintFields(const std::vector<std::pair<std::string, std::string>>& fields) {
  for (const auto& [name, value] : fields) {
    if (!value.empty()) std::printf("%s: %s\n", name.c_str(), value.c_str());
  }
}

void PrintJson(const google::protobuf::Message& message) {
  std::printf("%s\n", rpc::WriteJson(message).c_str());
}

}  // namespace aziot::provisiond::ctl
