#include "common/rpc/openapi.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/http/message.h"
#include "common/rpc/field_facts.h"
#include "common/rpc/rest_rule.h"

namespace aziot::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::MethodDescriptor;
using Json = nlohmann::ordered_json;

constexpr char kErrorName[] = "Error";

Json Reference(const std::string& name) { return {{"$ref", absl::StrCat("#/components/schemas/", name)}}; }
Json JsonContent(Json schema) { return {{"application/json", {{"schema", std::move(schema)}}}}; }

// Adds what it refers to.
class Schemas {
 public:
  Schemas() {
    all_[kErrorName] = {{"type", "object"},
                        {"properties", {{"message", {{"type", "string"}}}}},
                        {"required", Json::array({"message"})}};
  }

  Json Of(const Descriptor& type) {
    const std::string& name = type.full_name();
    if (!all_.contains(name)) {
      all_[name] = Json();  // a message may hold itself
      all_[name] = Object(type, {});
    }
    return Reference(name);
  }

  // An object with the members of `type` that are not in `left_out`.
  Json Object(const Descriptor& type, const Fields& left_out) {
    Json properties = Json::object(), required = Json::array();
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor* field = type.field(i);
      if (std::find(left_out.begin(), left_out.end(), field) != left_out.end()) continue;
      properties[field->json_name()] = OfField(*field);
      if (IsRequired(field)) required.push_back(field->json_name());
    }
    Json object = {{"type", "object"}, {"properties", std::move(properties)}};
    if (!required.empty()) object["required"] = std::move(required);
    return object;
  }

  Json Take() { return std::move(all_); }

 private:
  Json OfField(const FieldDescriptor& field) {
    Json one = OfValue(field);
    if (!field.is_repeated()) return one;
    return {{"type", "array"}, {"items", std::move(one)}};
  }

  Json OfValue(const FieldDescriptor& field) {
    if (IsJsonText(&field)) return Json::object();  // any JSON
    if (IsBytes(&field)) return {{"type", "string"}, {"format", "byte"}};
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Of(*field.message_type());
      case FieldDescriptor::CPPTYPE_BOOL:
        return {{"type", "boolean"}};
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return {{"type", "number"}, {"format", "double"}};
      case FieldDescriptor::CPPTYPE_INT32:
        return {{"type", "integer"}, {"format", "int32"}};
      case FieldDescriptor::CPPTYPE_INT64:
        return {{"type", "integer"}, {"format", "int64"}};
      case FieldDescriptor::CPPTYPE_UINT32:
        return {{"type", "integer"}, {"minimum", 0}, {"maximum", UINT32_MAX}};
      case FieldDescriptor::CPPTYPE_UINT64:
        return {{"type", "integer"}, {"minimum", 0}};
      default:
        return {{"type", "string"}};
    }
  }

  Json all_ = Json::object();
};

// `path` may name its parameters as another rpc of that path does: in OpenAPI they are one path.
Json Parameters(const std::vector<PathSegment>& path, const RestRule& rule) {
  Json parameters = Json::array();
  for (const PathSegment& segment : path) {
    if (segment.field == nullptr) continue;
    parameters.push_back({{"name", segment.field->name()},
                          {"in", "path"},
                          {"required", true},
                          {"schema", {{"type", "string"}}}});
  }
  parameters.push_back({{"name", "api-version"},
                        {"in", "query"},
                        {"required", true},
                        {"schema", {{"type", "string"}, {"enum", rule.versions}}}});
  for (const FieldDescriptor* field : rule.query) {
    parameters.push_back({{"name", field->json_name()},
                          {"in", "query"},
                          {"required", false},
                          {"schema", {{"type", "string"}}}});
  }
  return parameters;
}

std::optional<Json> RequestBody(const RestRule& rule, Schemas& schemas) {
  if (rule.body == api::v1::BODY_NONE) return std::nullopt;
  const Descriptor& type = *rule.method->input_type();
  Json schema = Json::object();
  if (rule.body != api::v1::BODY_ANY) {
    schema = rule.given.empty() ? schemas.Of(type) : schemas.Object(type, rule.given);
  }
  return Json{{"required", rule.body == api::v1::BODY_REQUIRED}, {"content", JsonContent(std::move(schema))}};
}

Json Operation(const std::vector<PathSegment>& path, const RestRule& rule, Schemas& schemas) {
  Json operation = {{"operationId", rule.method->name()},
                    {"tags", Json::array({rule.method->service()->name()})},
                    {"parameters", Parameters(path, rule)}};
  if (std::optional<Json> body = RequestBody(rule, schemas); body.has_value()) {
    operation["requestBody"] = *std::move(body);
  }
  Json success = {{"description", std::string(http::ReasonPhrase(rule.success))}};
  if (rule.success != 204) success["content"] = JsonContent(schemas.Of(*rule.method->output_type()));
  operation["responses"][std::to_string(rule.success)] = std::move(success);
  operation["responses"]["default"] = {{"description", "Refused or failed"},
                                       {"content", JsonContent(Reference(kErrorName))}};
  return operation;
}

std::string FormatPath(const std::vector<PathSegment>& path) {
  std::string text;
  for (const PathSegment& segment : path) {
    absl::StrAppend(&text, "/",
                    segment.field == nullptr ? segment.literal : "{" + segment.field->name() + "}");
  }
  return text;
}

}  // namespace

std::string OpenApiOf(const Dispatcher& dispatcher, absl::string_view title, absl::string_view version) {
  Schemas schemas;
  Json paths = Json::object();
  std::vector<std::vector<PathSegment>> known;
  for (const google::protobuf::ServiceDescriptor* service : dispatcher.services()) {
    for (int i = 0; i < service->method_count(); ++i) {
      if (dispatcher.Find(service->method(i)) == nullptr) continue;
      const std::optional<RestRule> rule = RestRuleOf(service->method(i));
      if (!rule.has_value()) continue;
      auto path = std::find(known.begin(), known.end(), rule->path);
      if (path == known.end()) path = known.insert(path, rule->path);
      paths[FormatPath(*path)][absl::AsciiStrToLower(rule->verb)] = Operation(*path, *rule, schemas);
    }
  }
  const Json document = {{"openapi", "3.0.3"},
                         {"info", {{"title", std::string(title)}, {"version", std::string(version)}}},
                         {"paths", std::move(paths)},
                         {"components", {{"schemas", schemas.Take()}}}};
  return document.dump();
}

}  // namespace aziot::rpc
