// Base64 as keyd speaks it: standard alphabet, padded, no white space, canonical trailing bits.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace aziot::openssl_engine {

using Bytes = std::vector<uint8_t>;
using BytesView = std::span<const uint8_t>;

std::string FormatBase64(BytesView bytes);

// Nothing for text that breaks any of the rules above.
std::optional<Bytes> ParseBase64(std::string_view text);

}  // namespace aziot::openssl_engine
