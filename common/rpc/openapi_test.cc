#include "common/rpc/openapi.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/rpc/rest_rule.h"
#include "common/rpc/test_dispatchers.h"

namespace aziot::rpc {
namespace {

using Json = nlohmann::json;

class OpenApiTest : public ::testing::Test {
 protected:
  Nobody nobody_;
  const Dispatcher keys_ = KeysDispatcher(nobody_), identities_ = IdentitiesDispatcher(nobody_);
  const Json of_keys_ = Json::parse(OpenApiOf(keys_, "keyd", "1.2.3"));
  const Json of_identities_ = Json::parse(OpenApiOf(identities_, "identityd", "1.2.3"));
};

// The path with every parameter as {}, so that names do not matter.
std::string Shape(const std::string& path) {
  std::string shape;
  bool inside = false;
  for (const char c : path) {
    if (c == '{') shape += "{}";
    inside = c == '{' || (inside && c != '}');
    if (!inside && c != '}') shape += c;
  }
  return shape;
}

TEST_F(OpenApiTest, SaysWhoAnswers) {
  EXPECT_EQ(of_keys_["openapi"], "3.0.3");
  EXPECT_EQ(of_keys_["info"], (Json{{"title", "keyd"}, {"version", "1.2.3"}}));
}

TEST_F(OpenApiTest, HasAnOperationForEachRuleAndNoOther) {
  for (const auto& [dispatcher, document] : {std::pair(&keys_, &of_keys_), {&identities_, &of_identities_}}) {
    std::set<std::string> expected, found;
    for (const auto* service : dispatcher->services()) {
      for (int i = 0; i < service->method_count(); ++i) {
        const std::optional<RestRule> rule = RestRuleOf(service->method(i));
        if (!rule.has_value()) continue;
        const std::string& path = service->method(i)->options().GetExtension(api::v1::rest).path();
        expected.insert(
            absl::StrCat(absl::AsciiStrToLower(rule->verb), " ", Shape(path), " ", rule->method->name()));
      }
    }
    std::set<std::string> shapes;
    for (const auto& [path, verbs] : (*document)["paths"].items()) {
      EXPECT_TRUE(shapes.insert(Shape(path)).second) << path << " stands there twice";
      for (const auto& [verb, operation] : verbs.items()) {
        found.insert(absl::StrCat(verb, " ", Shape(path), " ", operation["operationId"].get<std::string>()));
      }
    }
    EXPECT_EQ(found, expected);
  }
}

TEST_F(OpenApiTest, EachParameterOfAPathIsDeclared) {
  for (const Json* document : {&of_keys_, &of_identities_}) {
    for (const auto& [path, verbs] : (*document)["paths"].items()) {
      for (const auto& [verb, operation] : verbs.items()) {
        std::set<std::string> declared;
        for (const Json& parameter : operation["parameters"]) {
          if (parameter["in"] == "path") declared.insert("{" + parameter["name"].get<std::string>() + "}");
        }
        EXPECT_EQ(std::count(path.begin(), path.end(), '{'), static_cast<ptrdiff_t>(declared.size())) << path;
        for (const std::string& name : declared)
          EXPECT_NE(path.find(name), std::string::npos) << path << name;
      }
    }
  }
}

TEST_F(OpenApiTest, EachReferenceIsThere) {
  for (const Json* document : {&of_keys_, &of_identities_}) {
    const Json flat = document->flatten();
    for (const auto& [where, value] : flat.items()) {
      if (!where.ends_with("/$ref")) continue;
      EXPECT_TRUE(document->contains(Json::json_pointer(value.get<std::string>().substr(1))))
          << where << value;
    }
  }
}

TEST_F(OpenApiTest, CreateKey) {
  EXPECT_EQ(of_keys_["paths"]["/key"]["post"], Json::parse(R"({
    "operationId": "CreateKey",
    "tags": ["Keys"],
    "parameters": [{"name": "api-version", "in": "query", "required": true,
                    "schema": {"type": "string", "enum": ["2020-09-01", "2021-05-01", "2026-12-01"]}}],
    "requestBody": {"required": true, "content": {"application/json": {
        "schema": {"$ref": "#/components/schemas/aziot.keys.v1.CreateKeyRequest"}}}},
    "responses": {
      "200": {"description": "OK", "content": {"application/json": {
          "schema": {"$ref": "#/components/schemas/aziot.keys.v1.KeyHandle"}}}},
      "default": {"description": "Refused or failed", "content": {"application/json": {
          "schema": {"$ref": "#/components/schemas/Error"}}}}}})"));
  const Json& schemas = of_keys_["components"]["schemas"];
  EXPECT_EQ(schemas["aziot.keys.v1.CreateKeyRequest"], Json::parse(R"({
    "type": "object",
    "properties": {"keyId": {"type": "string"}, "keyBytes": {"type": "string", "format": "byte"},
                   "usage": {"type": "string"}},
    "required": ["keyId", "usage"]})"));
  EXPECT_EQ(schemas["Error"], Json::parse(R"({
    "type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]})"));
}

TEST_F(OpenApiTest, ABodyLacksWhatPathAndQueryGive) {
  const Json& move = of_keys_["paths"]["/keypair/{id}"]["post"];
  EXPECT_EQ(move["requestBody"]["content"]["application/json"]["schema"], Json::parse(R"({
    "type": "object", "properties": {"from": {"type": "string"}}, "required": ["from"]})"));
  EXPECT_EQ(move["responses"]["204"], Json::parse(R"({"description": "No Content"})"));
  EXPECT_EQ(move["parameters"][0]["name"], "id");
}

TEST_F(OpenApiTest, ListsAndFreeJson) {
  const Json& schemas = of_identities_["components"]["schemas"];
  EXPECT_EQ(schemas["aziot.identity.v1.IdentityList"]["properties"]["identities"], Json::parse(R"({
    "type": "array", "items": {"$ref": "#/components/schemas/aziot.identity.v1.Identity"}})"));
  EXPECT_EQ(schemas["aziot.identity.v1.ProvisioningInfo"]["properties"]["payload"], Json::object());
}

}  // namespace
}  // namespace aziot::rpc
