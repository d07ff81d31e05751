#include "common/rpc/rest_rule.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/log/log.h"

namespace aziot::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::MethodDescriptor;

[[noreturn]] void Mistake(const MethodDescriptor* method, absl::string_view what) {
  log::Error("REST rule of {}: {}", method->full_name(), what);
  std::abort();
}

const FieldDescriptor* TextField(const MethodDescriptor* method, absl::string_view name) {
  const FieldDescriptor* field = method->input_type()->FindFieldByName(std::string(name));
  if (field == nullptr || field->type() != FieldDescriptor::TYPE_STRING || field->is_repeated()) {
    Mistake(method, "path and query fields are single strings of the request");
  }
  return field;
}

std::vector<PathSegment> ParsePath(const MethodDescriptor* method, absl::string_view path) {
  if (!absl::ConsumePrefix(&path, "/")) Mistake(method, "its path does not begin with /");
  std::vector<PathSegment> segments;
  for (absl::string_view text : absl::StrSplit(path, '/')) {
    if (text.empty()) Mistake(method, "its path has an empty segment");
    PathSegment segment;
    if (absl::ConsumePrefix(&text, "{") && absl::ConsumeSuffix(&text, "}")) {
      segment.field = TextField(method, text);
    } else {
      segment.literal = std::string(text);
    }
    segments.push_back(std::move(segment));
  }
  return segments;
}

std::vector<std::string> VersionsSince(const MethodDescriptor* method, const std::string& since) {
  std::vector<std::string> versions;
  const auto& options = method->service()->options();
  for (int i = 0; i < options.ExtensionSize(api::v1::api_versions); ++i) {
    versions.push_back(options.GetExtension(api::v1::api_versions, i));
  }
  if (since.empty()) return versions;
  const auto first = std::find(versions.begin(), versions.end(), since);
  if (first == versions.end()) Mistake(method, "its first api-version is none of the service");
  return {first, versions.end()};
}

}  // namespace

std::optional<RestRule> RestRuleOf(const MethodDescriptor* method) {
  if (!method->options().HasExtension(api::v1::rest)) return std::nullopt;
  const api::v1::RestRule& text = method->options().GetExtension(api::v1::rest);
  RestRule rule;
  rule.method = method;
  rule.verb = text.verb();
  rule.path = ParsePath(method, text.path());
  for (const std::string& name : text.query()) {
    rule.query.push_back(TextField(method, name));
    if (!rule.query.back()->has_optional_keyword()) Mistake(method, "its query fields must be optional");
  }
  for (const PathSegment& segment : rule.path) {
    if (segment.field != nullptr) rule.given.push_back(segment.field);
  }
  rule.given.insert(rule.given.end(), rule.query.begin(), rule.query.end());
  rule.body = text.body();
  rule.versions = VersionsSince(method, text.since());
  rule.success = text.success() == 0 ? 200 : static_cast<int>(text.success());
  for (const Descriptor* type : {method->input_type(), method->output_type()}) {
    if (const absl::Status fits = CheckTranscodable(type); !fits.ok()) Mistake(method, fits.message());
  }
  return rule;
}

}  // namespace aziot::rpc
