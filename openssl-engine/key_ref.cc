#include "openssl-engine/key_ref.h"

#include <sys/un.h>

#include <algorithm>
#include <optional>

namespace aziot::openssl_engine {
namespace {

constexpr std::string_view kScheme = "aziot:";
constexpr char kNoName[] = "neither sr=, handle=, key= nor cert= follows aziot:";

Failure Invalid(std::string text) { return {Reason::kInvalidName, "key name: " + std::move(text)}; }

bool StartsWithScheme(std::string_view uri) {
  if (uri.size() < kScheme.size()) return false;
  return std::equal(kScheme.begin(), kScheme.end(), uri.begin(), [](char want, char have) {
    return want == (have >= 'A' && have <= 'Z' ? static_cast<char>(have | 0x20) : have);
  });
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = HexDigit(text[i + 1]);
    const int low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return out;
}

bool IsHandle(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// Takes what stands before the first `;` off `rest`.
std::string_view TakeField(std::string_view& rest) {
  const size_t end = rest.find(';');
  const std::string_view field = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end);
  return field;
}

Result<KeyRef> ParseKeyName(std::string_view field) {
  KeyRef ref;
  const size_t equals = field.find('=');
  const std::string_view word = field.substr(0, equals);
  if (equals == std::string_view::npos) return Invalid(kNoName);
  if (word == "sr") {
    if (!IsHandle(field)) return Invalid("the handle has other than printable ASCII characters");
    ref.handle = field;
    return ref;
  }
  if (word != "handle" && word != "key" && word != "cert") return Invalid(kNoName);
  std::optional<std::string> value = PercentDecode(field.substr(equals + 1));
  if (!value) return Invalid("broken percent-encoding in " + std::string(word) + "=");
  if (word == "handle") {
    if (!IsHandle(*value)) return Invalid("handle= is empty or has other than printable ASCII characters");
    ref.handle = *std::move(value);
  } else {
    if (value->empty()) return Invalid(std::string(word) + "= is empty");
    if (value->find('\0') != std::string::npos) return Invalid(std::string(word) + "= holds a NUL");
    (word == "key" ? ref.key_id : ref.cert_id) = *std::move(value);
  }
  return ref;
}

}  // namespace

Result<KeyRef> ParseKeyRef(std::string_view uri) {
  if (!StartsWithScheme(uri)) return Invalid("the scheme is not aziot:");
  std::string_view rest = uri.substr(kScheme.size());
  Result<KeyRef> ref = ParseKeyName(TakeField(rest));
  if (!ref.ok()) return ref;

  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view attribute = TakeField(rest);
    constexpr std::string_view kSocket = "socket=";
    if (attribute.substr(0, kSocket.size()) != kSocket) {
      return Invalid("unknown attribute \"" + std::string(attribute.substr(0, attribute.find('='))) + "\"");
    }
    if (!ref->socket_path.empty()) return Invalid("socket= stands there twice");
    std::optional<std::string> path = PercentDecode(attribute.substr(kSocket.size()));
    if (!path) return Invalid("broken percent-encoding in socket=");
    if (const char* fault = SocketPathFault(*path)) return Invalid(std::string("socket= ") + fault);
    ref->socket_path = *std::move(path);
  }
  return ref;
}

std::string FormatKeyRef(const KeyRef& ref) {
  std::string uri(kScheme);
  if (!ref.handle.empty()) {
    uri += "handle=" + PercentEncode(ref.handle);
  } else if (!ref.key_id.empty()) {
    uri += "key=" + PercentEncode(ref.key_id);
  } else {
    uri += "cert=" + PercentEncode(ref.cert_id);
  }
  if (!ref.socket_path.empty()) uri += ";socket=" + PercentEncode(ref.socket_path);
  return uri;
}

std::string PercentEncode(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  constexpr std::string_view kMarks = "-._~";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       kMarks.find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[c & 15];
    }
  }
  return out;
}

const char* SocketPathFault(std::string_view path) {
  if (path.empty() || path.front() != '/') return "is not an absolute path";
  if (path.size() >= sizeof(sockaddr_un::sun_path)) return "is longer than a socket's path can be";
  if (path.find('\0') != std::string_view::npos) return "holds a NUL";
  return nullptr;
}

}  // namespace aziot::openssl_engine
