// Answer: one HTTP/1.1 answer of keyd or certd, read out of the bytes received so far. It knows exactly what
// they send (content-length framing, a JSON body) and refuses everything else by name.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "openssl-engine/result.h"

namespace aziot::openssl_engine {

constexpr size_t kMaxHeaderBlock = 16 * 1024;
constexpr size_t kMaxBody = 256 * 1024;  // a chain of certificates is the longest

struct Answer {
  int status = 0;
  std::string content_type;  // as sent, without the white space around it
  std::string body;
};

// Nothing while more bytes are needed. Interim answers (1xx) are skipped; bytes behind the answer are
// ignored. `peer` is how failures name who answered. kBadAnswer: no HTTP/1.x, a header block above
// kMaxHeaderBlock, a body above kMaxBody, framing other than one content-length.
Result<std::optional<Answer>> ParseAnswer(std::string_view received, std::string_view peer = "keyd");

// The body of a successful answer; for any other the Failure that carries the peer's own message (kRefused),
// or kBadAnswer when a success has no JSON body.
Result<std::string> SuccessBody(const Answer& answer, std::string_view peer = "keyd");

}  // namespace aziot::openssl_engine
