// What a run of the checks prints: text for people, one JSON document, or a stream of JSON objects that IoT
// Edge's own check command reads.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "aziotctl/checks/check.h"

namespace aziot::ctl {

class Report {
 public:
  virtual ~Report() = default;
  virtual void Section(absl::string_view name) = 0;
  virtual void Add(const Check& check, const Result& result, const nlohmann::json& additional_info) = 0;
  // After the last check, also after a fatal one.
  virtual void End(const nlohmann::ordered_json& about_the_machine) = 0;
};

// `format`: text, json or json-stream. Writes to `out` as results come.
std::unique_ptr<Report> NewReport(absl::string_view format, bool verbose, std::FILE* out);

}  // namespace aziot::ctl
