#include "keyd/backend/tpm2/der.h"

namespace aziot::keyd::tpm2 {

std::optional<BytesView> DerReader::Take(uint8_t tag) {
  if (!NextIs(tag) || rest_.size() < 2) return std::nullopt;
  size_t header = 2;
  size_t length = rest_[1];
  constexpr uint8_t kLongForm = 0x80;
  if (length >= kLongForm) {
    const size_t count = length - kLongForm;
    // Not the indefinite form, and nothing that a key file could be as long as.
    if (count == 0 || count > 3 || rest_.size() < 2 + count) return std::nullopt;
    length = 0;
    for (size_t i = 0; i < count; ++i) length = length << 8 | rest_[2 + i];
    header += count;
  }
  if (rest_.size() - header < length) return std::nullopt;
  const BytesView content = rest_.subspan(header, length);
  rest_ = rest_.subspan(header + length);
  return content;
}

Bytes DerElement(uint8_t tag, BytesView content) {
  Bytes element = {tag};
  const size_t length = content.size();
  if (length < 0x80) {
    element.push_back(static_cast<uint8_t>(length));
  } else {
    const int count = length < 0x100 ? 1 : length < 0x10000 ? 2 : 3;
    element.push_back(static_cast<uint8_t>(0x80 | count));
    for (int i = count - 1; i >= 0; --i) element.push_back(static_cast<uint8_t>(length >> 8 * i));
  }
  element.insert(element.end(), content.begin(), content.end());
  return element;
}

}  // namespace aziot::keyd::tpm2
