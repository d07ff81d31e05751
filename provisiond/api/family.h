// What the API families share: how one answers, and the checks of a caller's token.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/http/message.h"
#include "provisiond/api/call.h"
#include "provisiond/lifecycle/actor.h"
#include "provisiond/lifecycle/json.h"

namespace aziot::provisiond::api {

http::Response JsonResponse(int status, const Json& body);
http::Response NoContent();

// kTooLarge.
absl::Status CheckBody(const Call& call, size_t limit);

// A whole number of a parameter within 1 to 1000, or 100 when `text` is null. kInvalid.
absl::StatusOr<int64_t> PageSize(const std::string* text);

// Paging headers of a query answer; `next` is "" on the last page. Continuations are the last key in hex.
void AddPaging(http::Response& response, absl::string_view next, size_t count, absl::string_view item_type);
// The key a query continues after, from `x-ms-continuation`; "" at the start. kInvalid.
absl::StatusOr<std::string> ContinuationOf(const Call& call);

constexpr size_t kLargestJson = size_t{1} << 20;
constexpr size_t kLargestDpsMessage = 96 * 1024;

}  // namespace aziot::provisiond::api
