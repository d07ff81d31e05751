// Reads one HTTP/1.1 response off a byte stream, piece by piece, within a bound. Interim answers (1xx) are
// skipped.
#pragma once

#include <cstddef>
#include <memory>

#include "common/bytes/bytes.h"
#include "common/http/message.h"

namespace aziot::http {

class ResponseParser {
 public:
  enum class State { kNeedMore, kDone, kError };
  enum class Body { kAsDeclared, kNone };  // kNone: the answer to a HEAD

  // `max_bytes` bounds header and body each.
  ResponseParser(size_t max_bytes, Body body);
  ~ResponseParser();
  ResponseParser(const ResponseParser&) = delete;
  ResponseParser& operator=(const ResponseParser&) = delete;

  State Feed(BytesView bytes);
  // The stream has ended: the end of a body without length, or an error.
  State FeedEnd();

  // Some byte of the answer has come.
  bool started() const;
  // Once done: the connection can carry another request.
  bool keep_alive() const;
  Response Take();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace aziot::http
