#include "common/uri/uri.h"

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

int HexDigit(char c) {
  if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return -1;
  return absl::ascii_isdigit(static_cast<unsigned char>(c)) ? c - '0' : absl::ascii_tolower(c) - 'a' + 10;
}

// `what` names the part in messages; its text stays out of them, for it may be a PIN.
absl::StatusOr<std::string> PercentDecode(absl::string_view text, absl::string_view what) {
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
    if (c == '\0') return absl::InvalidArgumentError(absl::StrCat(what, ": a NUL in it"));
    out += c;
  }
  return out;
}

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

absl::Status ReadPathAttribute(absl::string_view name, absl::string_view value, Pkcs11Uri& uri) {
  if (name == "token") {
    ASSIGN_OR_RETURN(uri.token, PercentDecode(value, "pkcs11 URI: token"));
  } else if (name == "object") {
    ASSIGN_OR_RETURN(uri.object, PercentDecode(value, "pkcs11 URI: object"));
  } else if (name == "slot-id") {
    ASSIGN_OR_RETURN(const std::string digits, PercentDecode(value, "pkcs11 URI: slot-id"));
    ASSIGN_OR_RETURN(uri.slot_id, ParseSlot(digits));
  }
  return absl::OkStatus();
}

absl::Status ReadQueryAttribute(absl::string_view name, absl::string_view value, Pkcs11Uri& uri) {
  if (name == "pin-value") {
    ASSIGN_OR_RETURN(uri.pin_value, PercentDecode(value, "pkcs11 URI: pin-value"));
  }
  return absl::OkStatus();
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
  return absl::InvalidArgumentError("a location is a file:///... or pkcs11:... URI");
}

absl::StatusOr<FileUri> ParseFile(absl::string_view text) {
  ASSIGN_OR_RETURN(Uri uri, Parse(text));
  FileUri* file = std::get_if<FileUri>(&uri);
  if (file == nullptr) return absl::InvalidArgumentError("only a file:///... URI may stand here");
  return std::move(*file);
}

std::string Format(const Uri& uri) {
  if (const FileUri* file = std::get_if<FileUri>(&uri)) {
    return absl::StrCat("file://", PercentEncode(file->path, "/-._~"));
  }
  const Pkcs11Uri& pkcs11 = std::get<Pkcs11Uri>(uri);
  std::string out = "pkcs11:";
  absl::string_view separator = "";
  if (pkcs11.slot_id.has_value()) {
    absl::StrAppend(&out, "slot-id=", *pkcs11.slot_id);
    separator = ";";
  } else if (pkcs11.token.has_value()) {
    absl::StrAppend(&out, "token=", PercentEncode(*pkcs11.token, ""));
    separator = ";";
  }
  if (pkcs11.object.has_value())
    absl::StrAppend(&out, separator, "object=", PercentEncode(*pkcs11.object, ""));
  if (pkcs11.pin_value.has_value())
    absl::StrAppend(&out, "?pin-value=", PercentEncode(*pkcs11.pin_value, ""));
  return out;
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
