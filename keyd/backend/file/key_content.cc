#include "keyd/backend/file/key_content.h"

#include <algorithm>

#include "absl/strings/match.h"

namespace aziot::keyd::file {
namespace {

constexpr absl::string_view kArmour = "-----BEGIN ";
constexpr size_t kDashes = 5;

// Text may stand before the armour (RFC 7468, 2); a cut may fall inside it.
bool LooksLikePem(absl::string_view text) {
  return absl::StartsWith(text, kArmour) || absl::StrContains(text, "\n-----BEGIN ") ||
         (text.size() >= kDashes && absl::StartsWith(kArmour, text));
}

}  // namespace

KeyContent ReadContent(Secret bytes) {
  KeyContent content;
  content.file_size = bytes.size();
  if (bytes.empty()) {
    content.why = "the file is empty";
    return content;
  }
  if (!LooksLikePem(bytes.ExposeText())) {
    const BytesView raw = bytes.Expose();
    content.kind = KeyContent::Kind::kSymmetric;
    content.all_zero = std::all_of(raw.begin(), raw.end(), [](uint8_t byte) { return byte == 0; });
    content.key = std::make_unique<MemoryKey>(std::move(bytes));
    return content;
  }
  auto pair = MemoryKeyPair::ParsePem(bytes.Expose());
  if (pair.ok()) {
    content.kind = KeyContent::Kind::kPair;
    content.pair = *std::move(pair);
    return content;
  }
  if (!absl::IsInvalidArgument(pair.status())) content.kind = KeyContent::Kind::kUnusablePem;
  content.why = std::string(pair.status().message());
  return content;
}

}  // namespace aziot::keyd::file
