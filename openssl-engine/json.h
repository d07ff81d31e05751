// The little JSON that a call to keyd needs: texts written into a request, one text read out of an answer.
#pragma once

#include <string>
#include <string_view>

#include "openssl-engine/result.h"

namespace aziot::openssl_engine {

// `text` as a JSON string, quotes included.
std::string QuoteJson(std::string_view text);

// The string member `name` of the object that `json` is. kBadAnswer when `json` is not exactly one JSON
// object (RFC 8259, at most 32 levels deep), or has no such member, or has it twice, or it is no string.
Result<std::string> StringMember(std::string_view json, std::string_view name);

}  // namespace aziot::openssl_engine
