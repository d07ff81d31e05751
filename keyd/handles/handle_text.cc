#include "keyd/handles/handle_text.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/bytes/base64.h"
#include "common/status/status_macros.h"

namespace aziot::keyd {
namespace {

using Json = nlohmann::ordered_json;

absl::Status Malformed() { return absl::InvalidArgumentError("invalid handle"); }

absl::StatusOr<Bytes> ParseByteArray(const Json& array) {
  Bytes bytes;
  bytes.reserve(array.size());
  for (const Json& number : array) {
    if (!number.is_number_unsigned() || number.get<uint64_t>() > 0xff) return Malformed();
    bytes.push_back(number.get<uint8_t>());
  }
  return bytes;
}

absl::StatusOr<std::variant<PairName, KeyName, DerivedName>> ParseName(const std::string& kind,
                                                                       const Json& value) {
  if (kind == "Derived") {
    if (!value.is_array() || value.size() != 2 || !value[0].is_string() || !value[1].is_array()) {
      return Malformed();
    }
    ASSIGN_OR_RETURN(Bytes data, ParseByteArray(value[1]));
    return DerivedName{value[0].get<std::string>(), std::move(data)};
  }
  if (!value.is_string()) return Malformed();
  ASSIGN_OR_RETURN(KeyId id, KeyId::Parse(value.get_ref<const std::string&>()));
  if (kind == "KeyPair") return PairName{std::move(id)};
  if (kind == "Key") return KeyName{std::move(id)};
  return Malformed();
}

std::string Quoted(absl::string_view text) { return Json(std::string(text)).dump(); }

struct FormatName {
  std::string operator()(const PairName& name) const {
    return absl::StrCat("{\"KeyPair\":", Quoted(name.id.value()), "}");
  }
  std::string operator()(const KeyName& name) const {
    return absl::StrCat("{\"Key\":", Quoted(name.id.value()), "}");
  }
  std::string operator()(const DerivedName& name) const {
    std::string text = absl::StrCat("{\"Derived\":[", Quoted(name.base_handle), ",[");
    absl::string_view separator;
    for (const uint8_t byte : name.data) {
      absl::StrAppend(&text, separator, static_cast<int>(byte));
      separator = ",";
    }
    absl::StrAppend(&text, "]]}");
    return text;
  }
};

}  // namespace

absl::StatusOr<SignedPayload> ParseHandle(absl::string_view text) {
  std::optional<absl::string_view> payload;
  std::optional<absl::string_view> mac;
  for (const absl::string_view part : absl::StrSplit(text, '&')) {
    if (absl::StartsWith(part, "sr=")) payload = part.substr(3);
    if (absl::StartsWith(part, "sig=")) mac = part.substr(4);
  }
  if (!payload.has_value() || !mac.has_value()) return Malformed();
  auto payload_bytes = ParseBase64(*payload);
  auto mac_bytes = ParseBase64(*mac);
  if (!payload_bytes.ok() || !mac_bytes.ok()) return Malformed();
  return SignedPayload{*std::move(payload_bytes), *std::move(mac_bytes)};
}

std::string FormatHandle(const SignedPayload& handle) {
  return absl::StrCat("sr=", FormatBase64(handle.payload), "&sig=", FormatBase64(handle.mac));
}

absl::StatusOr<HandlePayload> ParsePayload(BytesView payload) {
  const Json json = Json::parse(payload.begin(), payload.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Malformed();
  const auto name = json.find("key_id");
  const auto nonce = json.find("nonce");
  if (name == json.end() || !name->is_object() || name->size() != 1) return Malformed();
  if (nonce == json.end() || !nonce->is_string()) return Malformed();
  auto parsed = ParseName(name->begin().key(), name->begin().value());
  if (!parsed.ok()) return Malformed();
  return HandlePayload{*std::move(parsed), nonce->get<std::string>()};
}

std::string FormatPayload(const HandlePayload& payload) {
  return absl::StrCat("{\"key_id\":", std::visit(FormatName(), payload.name),
                      ",\"nonce\":", Quoted(payload.nonce), "}");
}

}  // namespace aziot::keyd
