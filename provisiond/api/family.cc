#include "provisiond/api/family.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/bytes/hex.h"
#include "common/ids/utf8.h"
#include "common/status/status_macros.h"
#include "provisiond/lifecycle/fault.h"

namespace aziot::provisiond::api {

http::Response JsonResponse(int status, const Json& body) {
  http::Response response;
  response.status = status;
  response.headers.Add("Content-Type", "application/json; charset=utf-8");
  // Texts of a refusal may repeat what a caller sent.
  response.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return response;
}

http::Response NoContent() {
  http::Response response;
  response.status = 204;
  return response;
}

absl::Status CheckBody(const Call& call, size_t limit) {
  if (call.body.size() <= limit) return absl::OkStatus();
  return Refuse(Fault::kTooLarge, absl::StrCat("the body is larger than ", limit, " bytes"));
}

absl::StatusOr<int64_t> PageSize(const std::string* text) {
  if (text == nullptr || text->empty()) return 100;
  int64_t size = 0;
  if (!absl::SimpleAtoi(*text, &size) || size < 1 || size > 1000) {
    return Refuse(Fault::kInvalid, "a page has 1 to 1000 items");
  }
  return size;
}

void AddPaging(http::Response& response, absl::string_view next, size_t count, absl::string_view item_type) {
  if (!next.empty()) response.headers.Add("x-ms-continuation", FormatHex(ToBytesView(next)));
  response.headers.Add("x-ms-max-item-count", absl::StrCat(count));
  response.headers.Add("x-ms-item-type", item_type);
}

absl::StatusOr<std::string> ContinuationOf(const Call& call) {
  const absl::string_view field = call.headers.Get("x-ms-continuation");
  if (field.empty()) return std::string();
  const absl::StatusOr<Bytes> bytes = ParseHex(field);
  if (!bytes.ok() || !IsUtf8(ToText(*bytes))) return Refuse(Fault::kInvalid, "malformed continuation");
  return std::string(ToText(*bytes));
}

}  // namespace aziot::provisiond::api
