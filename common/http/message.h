// An HTTP/1.1 message (RFC 9112) once it has been read, or before it is written.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace aziot::http {

// Names compare without regard to case; the order of arrival is kept.
class Headers {
 public:
  void Add(absl::string_view name, absl::string_view value) { fields_.emplace_back(name, value); }
  void Reserve(size_t fields) { fields_.reserve(fields); }
  // Replaces every field of that name.
  void Set(absl::string_view name, absl::string_view value);
  // The first field of that name, or nullptr.
  const std::string* Find(absl::string_view name) const;
  // The first field of that name, or "".
  absl::string_view Get(absl::string_view name) const;
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  size_t size() const { return fields_.size(); }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct Request {
  std::string method;  // as sent: GET, POST, …
  std::string target;  // origin form or absolute form, still encoded
  Headers headers;
  std::string body;  // whole, chunks joined
  bool keep_alive = true;
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
};

// The reason phrase of a status code ("Not Found"); "Unknown" for codes that have none.
absl::string_view ReasonPhrase(int status);

// Status line, `headers`, `content-length` (but for 204 and 304) and body, ready for one write. Adds
// `connection: close` when `keep_alive` is false.
std::string FormatResponse(const Response& response, bool keep_alive);

// Request line for `target`, `headers`, `content-length` when there is a body or the method has one, and
// body.
std::string FormatRequest(const Request& request);

}  // namespace aziot::http
