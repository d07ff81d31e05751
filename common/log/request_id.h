// The id that a caller gave its request (header `x-ms-client-request-id`), known to the thread that works on
// it: it goes along to the cloud, so that one request can be followed through the logs of all who had to do
// with it.
#pragma once

#include "absl/strings/string_view.h"

namespace aziot::log {

constexpr absl::string_view kRequestIdHeader = "x-ms-client-request-id";

// Whether a caller's `text` is fit to be passed on: up to 128 visible ASCII characters.
bool IsRequestId(absl::string_view text);

// Of this thread; "" when it works on no request, or on one without an id.
absl::string_view CurrentRequestId();

// This thread works on the request `id` until the object ends; `id` must outlive it.
class RequestIdScope {
 public:
  explicit RequestIdScope(absl::string_view id);
  RequestIdScope(const RequestIdScope&) = delete;
  RequestIdScope& operator=(const RequestIdScope&) = delete;
  ~RequestIdScope();
};

}  // namespace aziot::log
