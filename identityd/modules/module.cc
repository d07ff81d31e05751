#include "identityd/modules/module.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/bytes/bytes.h"
#include "common/openssl/digest.h"
#include "identityd/attestation/failure.h"
#include "identityd/attestation/json_depth.h"

namespace aziot::identityd {
namespace {

using nlohmann::json;

// Hubs allow 50 modules a device; each one listed here costs a file.
constexpr size_t kMostModules = 1000;

const json& MemberOf(const json& object, const char* name) {
  static const json kNothing;
  if (!object.is_object()) return kNothing;
  const auto found = object.find(name);
  return found != object.end() ? *found : kNothing;
}

std::optional<std::string> TextOf(const json& object, const char* name) {
  const json& member = MemberOf(object, name);
  if (!member.is_string()) return std::nullopt;
  return member.get<std::string>();
}

absl::StatusOr<Module> ToModule(const json& object) {
  std::optional<std::string> module_id = TextOf(object, "moduleId");
  std::optional<std::string> device_id = TextOf(object, "deviceId");
  if (!module_id || !device_id)
    return absl::InvalidArgumentError("no module: moduleId or deviceId is missing");
  Module module;
  module.module_id = *std::move(module_id);
  module.device_id = *std::move(device_id);
  module.generation_id = TextOf(object, "generationId");
  module.managed_by = TextOf(object, "managedBy");
  module.etag = TextOf(object, "etag").value_or("");
  const json& authentication = MemberOf(object, "authentication");
  const json& keys = MemberOf(authentication, "symmetricKey");
  const json& primary = MemberOf(keys, "primaryKey");
  const json& secondary = MemberOf(keys, "secondaryKey");
  if (TextOf(authentication, "type").value_or("sas") == "sas" && primary.is_string() &&
      secondary.is_string()) {
    module.keys_digest =
        DigestKeys(primary.get_ref<const std::string&>(), secondary.get_ref<const std::string&>());
  }
  return module;
}

json Parse(absl::string_view text) {
  if (!IsShallowJson(text)) return json(json::value_t::discarded);
  return json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

// `ErrorCode:ModuleNotFound;…`, as hubs write it into the text.
std::string CodeIn(absl::string_view text) {
  constexpr absl::string_view kMark = "ErrorCode:";
  const size_t at = text.find(kMark);
  if (at == absl::string_view::npos) return "";
  const absl::string_view rest = text.substr(at + kMark.size());
  return std::string(rest.substr(0, rest.find_first_of("; \"\r\n")));
}

}  // namespace

KeysDigest DigestKeys(absl::string_view primary, absl::string_view secondary) {
  const std::array<KeysDigest, 2> each = {openssl::Sha256(ToBytesView(primary)),
                                          openssl::Sha256(ToBytesView(secondary))};
  Bytes both(each[0].begin(), each[0].end());
  both.insert(both.end(), each[1].begin(), each[1].end());
  return openssl::Sha256(both);
}

absl::StatusOr<Module> ParseModule(absl::string_view text) { return ToModule(Parse(text)); }

absl::StatusOr<std::vector<Module>> ParseModules(absl::string_view text) {
  const json document = Parse(text);
  if (!document.is_array()) return absl::InvalidArgumentError("the list of modules is no JSON array");
  if (document.size() > kMostModules) {
    return absl::InvalidArgumentError(
        absl::StrCat("the list names ", document.size(), " modules: more than a device can have"));
  }
  std::vector<Module> modules;
  for (const json& entry : document) {
    if (absl::StatusOr<Module> module = ToModule(entry); module.ok()) modules.push_back(*std::move(module));
  }
  if (modules.empty() && !document.empty()) {
    return absl::InvalidArgumentError("the list of modules names none that can be read");
  }
  return modules;
}

std::string FormatModule(const Module& module) {
  nlohmann::ordered_json object;
  object["moduleId"] = module.module_id;
  if (module.managed_by) object["managedBy"] = *module.managed_by;
  object["deviceId"] = module.device_id;
  if (module.generation_id) object["generationId"] = *module.generation_id;
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

HubError ParseHubError(int http_status, absl::string_view body) {
  const json document = Parse(body);
  HubError error;
  std::optional<std::string> message = TextOf(document, "Message");
  if (!message) message = TextOf(document, "errorMessage");
  if (!message) message = TextOf(document, "message");
  error.tracking = Excerpt(TextOf(document, "ExceptionMessage").value_or(""));
  const json& network = MemberOf(document, "networkError");
  error.network = network.is_boolean() && network.get<bool>();
  if (message) {
    error.code = CodeIn(*message);
    error.text = Quotable(*std::move(message));
  } else {
    error.text = absl::StrCat("HTTP error ", http_status);
    if (!body.empty()) absl::StrAppend(&error.text, ": ", Excerpt(body));
  }
  return error;
}

}  // namespace aziot::identityd
