#include "provisiond/lifecycle/json.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/status/status_macros.h"
#include "provisiond/lifecycle/fault.h"

namespace aziot::provisiond {
namespace {

constexpr int kDeepest = 64;

// Brackets outside strings; what else is wrong with the text is the parser's business.
bool TooDeep(absl::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDeepest) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

const Json* Find(const Json& object, absl::string_view name) {
  const auto found = object.find(std::string(name));
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

absl::Status Wrong(absl::string_view name, absl::string_view expected) {
  return Refuse(Fault::kInvalid, absl::StrCat("member '", name, "' must be ", expected));
}

}  // namespace

absl::StatusOr<Json> ParseJson(absl::string_view text) {
  if (TooDeep(text)) return Refuse(Fault::kInvalid, "the JSON is nested too deeply");
  Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return Refuse(Fault::kInvalid, "the body is not valid JSON");
  return json;
}

absl::StatusOr<Json> ParseObject(absl::string_view text) {
  if (text.empty()) return Json::object();
  ASSIGN_OR_RETURN(Json json, ParseJson(text));
  if (!json.is_object()) return Refuse(Fault::kInvalid, "the body must be a JSON object");
  return json;
}

absl::StatusOr<std::optional<std::string>> TextMember(const Json& object, absl::string_view name) {
  const Json* member = Find(object, name);
  if (member == nullptr) return std::optional<std::string>();
  if (!member->is_string()) return Wrong(name, "a string");
  return std::optional(member->get<std::string>());
}

absl::StatusOr<std::optional<bool>> BoolMember(const Json& object, absl::string_view name) {
  const Json* member = Find(object, name);
  if (member == nullptr) return std::optional<bool>();
  if (!member->is_boolean()) return Wrong(name, "true or false");
  return std::optional(member->get<bool>());
}

absl::StatusOr<const Json*> ObjectMember(const Json& object, absl::string_view name) {
  const Json* member = Find(object, name);
  if (member != nullptr && !member->is_object()) return Wrong(name, "an object");
  return member;
}

absl::StatusOr<const Json*> ArrayMember(const Json& object, absl::string_view name) {
  const Json* member = Find(object, name);
  if (member != nullptr && !member->is_array()) return Wrong(name, "an array");
  return member;
}

std::string FormatTime(int64_t unix_micros) {
  if (unix_micros == 0) return "0001-01-01T00:00:00Z";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::FromUnixMicros(unix_micros), absl::UTCTimeZone());
}

}  // namespace aziot::provisiond
