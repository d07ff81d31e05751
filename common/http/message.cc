#include "common/http/message.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace aziot::http {
namespace {

void AppendField(std::string& out, absl::string_view name, absl::string_view value) {
  absl::StrAppend(&out, name, ": ", value, "\r\n");
}

bool MethodHasBody(absl::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

}  // namespace

void Headers::Set(absl::string_view name, absl::string_view value) {
  fields_.erase(
      std::remove_if(fields_.begin(), fields_.end(),
                     [name](const auto& field) { return absl::EqualsIgnoreCase(field.first, name); }),
      fields_.end());
  Add(name, value);
}

const std::string* Headers::Find(absl::string_view name) const {
  for (const auto& [field, value] : fields_) {
    if (absl::EqualsIgnoreCase(field, name)) return &value;
  }
  return nullptr;
}

absl::string_view Headers::Get(absl::string_view name) const {
  const std::string* value = Find(name);
  return value == nullptr ? absl::string_view() : absl::string_view(*value);
}

absl::string_view ReasonPhrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Payload Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Entity";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

std::string FormatResponse(const Response& response, bool keep_alive) {
  std::string out;
  out.reserve(256 + response.body.size());
  absl::StrAppend(&out, "HTTP/1.1 ", response.status, " ", ReasonPhrase(response.status), "\r\n");
  for (const auto& [name, value] : response.headers) AppendField(out, name, value);
  const bool bodiless = response.status == 204 || response.status == 304;
  if (!bodiless) absl::StrAppend(&out, "content-length: ", response.body.size(), "\r\n");
  if (!keep_alive) out += "connection: close\r\n";
  out += "\r\n";
  if (!bodiless) out += response.body;
  return out;
}

std::string FormatRequest(const Request& request) {
  std::string out;
  out.reserve(256 + request.target.size() + request.body.size());
  absl::StrAppend(&out, request.method, " ", request.target, " HTTP/1.1\r\n");
  for (const auto& [name, value] : request.headers) AppendField(out, name, value);
  if (!request.body.empty() || MethodHasBody(request.method)) {
    absl::StrAppend(&out, "content-length: ", request.body.size(), "\r\n");
  }
  if (!request.keep_alive) out += "connection: close\r\n";
  out += "\r\n";
  out += request.body;
  return out;
}

}  // namespace aziot::http
