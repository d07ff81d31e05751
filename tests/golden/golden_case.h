// The folders beside this file, as GoogleTest parameters.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "tests/support/run_command.h"

namespace aziot::tests {

struct GoldenCase {
  std::string name;

  std::string Path(const std::string& file) const {
    return absl::StrCat(SourceDir(), "/tests/golden/", name, "/", file);
  }
  bool Has(const std::string& file) const { return files::Exists(Path(file)); }
  std::string Read(const std::string& file) const { return files::Read(Path(file)).value_or("no " + file); }
};

inline std::vector<GoldenCase> GoldenCases() {
  std::vector<GoldenCase> cases;
  const std::vector<std::string> names = files::List(absl::StrCat(SourceDir(), "/tests/golden")).value();
  for (const std::string& name : names) {
    if (GoldenCase found{name}; found.Has("config.toml")) cases.push_back(found);
  }
  return cases;
}

inline void PrintTo(const GoldenCase& golden, std::ostream* out) { *out << golden.name; }

struct GoldenName {
  template <class Info>
  std::string operator()(const Info& info) const {
    std::string name = info.param.name;
    for (char& c : name) c = c == '-' ? '_' : c;
    return name;
  }
};

}  // namespace aziot::tests
