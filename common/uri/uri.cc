#include "common/uri/uri.h"

#include <span>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/status/status_macros.h"

namespace aziot::uri {
namespace {

constexpr absl::string_view kFile = "file";
constexpr absl::string_view kPkcs11 = "pkcs11";
constexpr absl::string_view kTpm = "tpm";
constexpr uint8_t kPersistentHandles = 0x81;  // TPM 2.0, part 2, 7.4: the most significant byte

int HexDigit(char c) {
  if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return -1;
  return absl::ascii_isdigit(static_cast<unsigned char>(c)) ? c - '0' : absl::ascii_tolower(c) - 'a' + 10;
}

enum class Nul { kRefused, kAllowed };

// `what` names the part in messages; its text stays out of them, for it may be a PIN.
absl::StatusOr<std::string> PercentDecode(absl::string_view text, absl::string_view what,
                                          Nul nul = Nul::kRefused) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return absl::InvalidArgumentError(
            absl::StrCat(what, ": '%' without two hexadecimal digits after it"));
      }
      c = static_cast<char>(high << 4 | low);
      i += 2;
    }
    if (c == '\0' && nul == Nul::kRefused)
      return absl::InvalidArgumentError(absl::StrCat(what, ": a NUL in it"));
    out += c;
  }
  return out;
}

bool IsAbsolute(const std::string& path) { return !path.empty() && path.front() == '/'; }

// `rest` is what follows "file:".
absl::StatusOr<FileUri> ParseFileRest(absl::string_view rest) {
  if (absl::ConsumePrefix(&rest, "//")) {
    const absl::string_view host = rest.substr(0, rest.find('/'));
    if (!host.empty() && !absl::EqualsIgnoreCase(host, "localhost")) {
      return absl::InvalidArgumentError("file URI: a host other than localhost");
    }
    rest.remove_prefix(host.size());
  }
  if (!absl::StartsWith(rest, "/")) return absl::InvalidArgumentError("file URI: the path must be absolute");
  if (rest.find_first_of("?#") != absl::string_view::npos) {
    return absl::InvalidArgumentError("file URI: '?' and '#' of a path are written %3F and %23");
  }
  ASSIGN_OR_RETURN(std::string path, PercentDecode(rest, "file URI"));
  return FileUri{std::move(path)};
}

absl::StatusOr<uint64_t> ParseSlot(absl::string_view digits) {
  uint64_t slot = 0;
  if (digits.find_first_not_of("0123456789") != absl::string_view::npos || !absl::SimpleAtoi(digits, &slot)) {
    return absl::InvalidArgumentError("pkcs11 URI: slot-id is not a decimal number");
  }
  return slot;
}

struct TextAttribute {
  absl::string_view name;
  std::optional<std::string> Pkcs11Uri::*value;
};
constexpr TextAttribute kPathAttributes[] = {
    {"token", &Pkcs11Uri::token}, {"object", &Pkcs11Uri::object}, {"manufacturer", &Pkcs11Uri::manufacturer},
    {"model", &Pkcs11Uri::model}, {"serial", &Pkcs11Uri::serial},
};
constexpr TextAttribute kQueryAttributes[] = {{"pin-value", &Pkcs11Uri::pin_value},
                                              {"module-path", &Pkcs11Uri::module_path}};

absl::Status ReadText(std::span<const TextAttribute> known, absl::string_view name, absl::string_view value,
                      Pkcs11Uri& uri) {
  for (const TextAttribute& attribute : known) {
    if (attribute.name != name) continue;
    ASSIGN_OR_RETURN(uri.*attribute.value, PercentDecode(value, absl::StrCat("pkcs11 URI: ", name)));
  }
  return absl::OkStatus();
}

// A path, or a file: URI of one (RFC 7512, 2.4).
absl::StatusOr<std::string> ParsePinSource(absl::string_view value) {
  absl::StatusOr<std::string> source = PercentDecode(value, "pkcs11 URI: pin-source");
  if (!source.ok() || IsAbsolute(*source)) return source;
  absl::string_view rest = *source;
  if (absl::StartsWithIgnoreCase(rest, "file:")) {
    rest.remove_prefix(kFile.size() + 1);
    ASSIGN_OR_RETURN(FileUri file, ParseFileRest(rest));
    return std::move(file.path);
  }
  return absl::InvalidArgumentError("pkcs11 URI: pin-source is neither an absolute path nor a file: URI");
}

absl::Status ReadPathAttribute(absl::string_view name, absl::string_view value, Pkcs11Uri& uri) {
  if (name == "slot-id") {
    ASSIGN_OR_RETURN(const std::string digits, PercentDecode(value, "pkcs11 URI: slot-id"));
    ASSIGN_OR_RETURN(uri.slot_id, ParseSlot(digits));
  } else if (name == "id") {
    ASSIGN_OR_RETURN(uri.id, PercentDecode(value, "pkcs11 URI: id", Nul::kAllowed));
  }
  return ReadText(kPathAttributes, name, value, uri);
}

absl::Status ReadQueryAttribute(absl::string_view name, absl::string_view value, Pkcs11Uri& uri) {
  if (name == "pin-source") {
    ASSIGN_OR_RETURN(uri.pin_source, ParsePinSource(value));
  }
  return ReadText(kQueryAttributes, name, value, uri);
}

absl::Status ReadAttributes(absl::string_view text, char separator,
                            absl::Status (*read)(absl::string_view, absl::string_view, Pkcs11Uri&),
                            Pkcs11Uri& uri) {
  for (const absl::string_view part : absl::StrSplit(text, separator, absl::SkipEmpty())) {
    const size_t equals = part.find('=');
    if (equals == absl::string_view::npos)
      return absl::InvalidArgumentError("pkcs11 URI: an attribute without '='");
    RETURN_IF_ERROR(read(absl::StripAsciiWhitespace(part.substr(0, equals)), part.substr(equals + 1), uri));
  }
  return absl::OkStatus();
}

// `rest` is what follows "pkcs11:".
absl::StatusOr<Pkcs11Uri> ParsePkcs11Rest(absl::string_view rest) {
  Pkcs11Uri uri;
  const size_t question = rest.find('?');
  RETURN_IF_ERROR(ReadAttributes(rest.substr(0, question), ';', ReadPathAttribute, uri));
  if (question != absl::string_view::npos) {
    RETURN_IF_ERROR(ReadAttributes(rest.substr(question + 1), '&', ReadQueryAttribute, uri));
  }
  if (!uri.token.has_value() && !uri.slot_id.has_value()) {
    return absl::InvalidArgumentError("pkcs11 URI: neither token nor slot-id");
  }
  return uri;
}

// `rest` is what follows "tpm:".
absl::StatusOr<TpmUri> ParseTpmRest(absl::string_view rest) {
  if (absl::ConsumePrefix(&rest, "handle=")) {
    uint32_t handle = 0;
    if (!absl::StartsWithIgnoreCase(rest, "0x") || !absl::SimpleHexAtoi(rest, &handle) ||
        handle >> 24 != kPersistentHandles) {
      return absl::InvalidArgumentError("tpm URI: handle is not 0x81 and six more hexadecimal digits");
    }
    return TpmUri{handle};
  }
  if (absl::ConsumePrefix(&rest, "file=")) {
    absl::StatusOr<std::string> path = PercentDecode(rest, "tpm URI: file");
    RETURN_IF_ERROR(path.status());
    if (!IsAbsolute(*path)) return absl::InvalidArgumentError("tpm URI: the path must be absolute");
    return TpmUri{*std::move(path)};
  }
  return absl::InvalidArgumentError("tpm URI: expected handle=0x81xxxxxx or file=/absolute/path");
}

}  // namespace

absl::StatusOr<Uri> Parse(absl::string_view text) {
  const size_t colon = text.find(':');
  const absl::string_view scheme = text.substr(0, colon);
  if (colon != absl::string_view::npos && absl::EqualsIgnoreCase(scheme, kFile)) {
    return ParseFileRest(text.substr(colon + 1));
  }
  if (colon != absl::string_view::npos && absl::EqualsIgnoreCase(scheme, kPkcs11)) {
    return ParsePkcs11Rest(text.substr(colon + 1));
  }
  if (colon != absl::string_view::npos && absl::EqualsIgnoreCase(scheme, kTpm)) {
    return ParseTpmRest(text.substr(colon + 1));
  }
  return absl::InvalidArgumentError("a location is a file:///..., pkcs11:... or tpm:... URI");
}

absl::StatusOr<FileUri> ParseFile(absl::string_view text) {
  ASSIGN_OR_RETURN(Uri uri, Parse(text));
  FileUri* file = std::get_if<FileUri>(&uri);
  if (file == nullptr) return absl::InvalidArgumentError("only a file:///... URI may stand here");
  return std::move(*file);
}

namespace {

std::string FormatTpm(const TpmUri& uri) {
  if (const auto* handle = std::get_if<uint32_t>(&uri.object)) {
    return absl::StrCat("tpm:handle=0x", absl::Hex(*handle, absl::kZeroPad8));
  }
  return absl::StrCat("tpm:file=", PercentEncode(std::get<std::string>(uri.object), "/-._~"));
}

std::string FormatPkcs11(const Pkcs11Uri& uri) {
  std::string out = "pkcs11:";
  absl::string_view separator = "";
  const auto add = [&](absl::string_view name, const std::optional<std::string>& value,
                       absl::string_view after) {
    if (!value.has_value()) return;
    absl::StrAppend(&out, separator, name, "=", PercentEncode(*value));
    separator = after;
  };
  if (uri.slot_id.has_value()) {
    absl::StrAppend(&out, "slot-id=", *uri.slot_id);
    separator = ";";
  } else {
    add("token", uri.token, ";");
  }
  add("manufacturer", uri.manufacturer, ";");
  add("model", uri.model, ";");
  add("serial", uri.serial, ";");
  add("object", uri.object, ";");
  add("id", uri.id, ";");
  separator = "?";
  add("pin-value", uri.pin_value, "&");
  add("pin-source", uri.pin_source, "&");
  add("module-path", uri.module_path, "&");
  return out;
}

}  // namespace

std::string Format(const Uri& uri) {
  if (const FileUri* file = std::get_if<FileUri>(&uri)) {
    return absl::StrCat("file://", PercentEncode(file->path, "/-._~"));
  }
  if (const TpmUri* tpm = std::get_if<TpmUri>(&uri)) return FormatTpm(*tpm);
  return FormatPkcs11(std::get<Pkcs11Uri>(uri));
}

std::string PercentEncode(absl::string_view text, absl::string_view also_plain) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || absl::StrContains(also_plain, c)) {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

}  // namespace aziot::uri
