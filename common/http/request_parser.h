// Reads HTTP/1.1 requests off a byte stream, piece by piece, within bounds. It owns what it has read so far,
// so callers hand over whatever arrived and keep nothing but the bytes after a finished request. Beast stays
// behind this header.
#pragma once

#include <cstddef>
#include <memory>

#include "absl/strings/string_view.h"
#include "common/bytes/bytes.h"
#include "common/http/message.h"

namespace aziot::http {

struct RequestLimits {
  size_t header_bytes = 16 * 1024;  // request line and fields together
  size_t fields = 64;
  size_t body_bytes = 256 * 1024;  // chunks joined
};

class RequestParser {
 public:
  enum class State {
    kNeedMore,
    kDone,   // Take() gives the request
    kError,  // error_status() says what; nothing after it can be read, close after answering
  };
  struct Progress {
    State state;
    size_t consumed;  // bytes that belong to this request; all of them unless the state is kDone (or kError)
  };

  explicit RequestParser(const RequestLimits& limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // After kDone call Take() before feeding what follows; after kError it stays kError.
  Progress Feed(BytesView bytes);

  // Some byte of a request has come and it is not done: a half-sent header, or body.
  bool started() const;
  // The header is whole; what is missing is body.
  bool header_done() const;
  // Of the request that is being read, once its header is whole.
  absl::string_view method() const;
  // The client waits for `100 Continue` before it sends the body: true between the header and the body's
  // first byte.
  bool expects_continue() const;
  // Of kError: 413 body, 414 request line, 431 header too large, 400 for what is not HTTP/1.x (also both
  // content-length and transfer-encoding, codings other than chunked, folded fields).
  int error_status() const;

  // The finished request, or after header_done() what has come of it, which cannot be followed by another
  // (`keep_alive` is false). The parser is then as new.
  Request Take();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace aziot::http
