#include "openssl-engine/key_file.h"

#include <string>
#include <string_view>

#include "openssl-engine/base64.h"

namespace aziot::openssl_engine {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";
constexpr std::string_view kLabel = "AZIOT KEYS URI";

Failure Broken(const char* text) {
  return {Reason::kInvalidName, std::string("key file (AZIOT KEYS URI): ") + text};
}

// The next line without the white space at its end; false at the end of the file. Of a longer line than any
// of ours only the beginning is kept.
bool ReadLine(BIO* in, std::string& line) {
  line.clear();
  char buffer[512];
  bool any = false;
  while (true) {
    const int count = BIO_gets(in, buffer, sizeof buffer);
    if (count <= 0) break;
    any = true;
    if (line.size() <= kMaxKeyFileBody) line.append(buffer, static_cast<size_t>(count));
    if (buffer[count - 1] == '\n') break;
  }
  line.resize(line.find_last_not_of(" \t\r\n") + 1);
  return any;
}

// The label of a line that begins or ends a block; nothing for another line.
std::optional<std::string> LabelOf(std::string_view line, std::string_view opening) {
  if (line.size() < opening.size() + kDashes.size() || line.substr(0, opening.size()) != opening ||
      line.substr(line.size() - kDashes.size()) != kDashes) {
    return std::nullopt;
  }
  line.remove_prefix(opening.size());
  line.remove_suffix(kDashes.size());
  return std::string(line);
}

Result<std::optional<KeyRef>> ParseBody(const std::string& body) {
  std::string uri = body;
  // A colon stands in every URI and in no base64.
  if (body.find(':') == std::string::npos) {
    const std::optional<Bytes> decoded = ParseBase64(body);
    if (!decoded) return Broken("the body is neither a URI nor base64");
    uri.assign(decoded->begin(), decoded->end());
    uri.resize(uri.find_last_not_of(" \t\r\n") + 1);  // `echo … | base64` has a line break inside
  }
  Result<KeyRef> ref = ParseKeyRef(uri);
  if (ref.ok()) return std::optional<KeyRef>(*std::move(ref));
  return Failure{ref.failure().reason, "key file (AZIOT KEYS URI): " + ref.failure().text};
}

}  // namespace

Result<std::optional<KeyRef>> ReadKeyFile(BIO* in) {
  std::string line;
  std::optional<std::string> label;
  while (!label) {
    if (!ReadLine(in, line)) return std::optional<KeyRef>();
    label = LabelOf(line, kBegin);
  }
  const bool ours = *label == kLabel;
  std::string body;
  while (ReadLine(in, line)) {
    if (const std::optional<std::string> end = LabelOf(line, kEnd)) {
      if (!ours) return std::optional<KeyRef>();
      return *end == kLabel ? ParseBody(body) : Broken("it ends with another label");
    }
    if (!ours) continue;
    body += line;
    if (body.size() > kMaxKeyFileBody) return Broken("the body is longer than 16 KiB");
  }
  return ours ? Broken("it has no end line") : Result<std::optional<KeyRef>>(std::optional<KeyRef>());
}

}  // namespace aziot::openssl_engine
