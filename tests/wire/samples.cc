#include "tests/wire/samples.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "tests/support/run_command.h"
#include "tests/wire/typed_call.h"

namespace aziot::tests {

const google::protobuf::MethodDescriptor* SampleFile::method() const {
  const google::protobuf::ServiceDescriptor* found = ServiceOf(service);
  return found == nullptr ? nullptr : found->FindMethodByName(rpc);
}

std::vector<SampleFile> FindSamples() {
  const std::filesystem::path top = absl::StrCat(SourceDir(), "/tests/wire");
  std::vector<SampleFile> samples;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(top, ignored)) {
    if (entry.path().extension() != ".http") continue;
    samples.push_back({.service = entry.path().parent_path().parent_path().filename(),
                       .rpc = entry.path().parent_path().filename(),
                       .name = entry.path().stem(),
                       .path = entry.path()});
  }
  std::sort(samples.begin(), samples.end(),
            [](const SampleFile& a, const SampleFile& b) { return a.path < b.path; });
  return samples;
}

}  // namespace aziot::tests
