#include "common/https/answer_headers.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace aziot::https {
namespace {

constexpr absl::string_view kPayload = "aziot/retry-after";
constexpr absl::Duration kUsualSkew = absl::Minutes(1);

// RFC 9110, 5.6.7: the preferred form.
std::optional<absl::Time> ParseDate(absl::string_view text) {
  absl::Time time;
  if (!absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", text, &time, nullptr)) return std::nullopt;
  return time;
}

}  // namespace

std::optional<absl::Duration> RetryAfter(const http::Response& response, absl::Time now) {
  const absl::string_view text = absl::StripAsciiWhitespace(response.headers.Get("retry-after"));
  absl::Duration wait;
  if (uint32_t seconds = 0; absl::SimpleAtoi(text, &seconds)) {
    wait = absl::Seconds(seconds);
  } else if (const std::optional<absl::Time> until = ParseDate(text)) {
    wait = *until - now;
  } else {
    return std::nullopt;
  }
  return std::clamp(wait, absl::Seconds(1), absl::Minutes(10));
}

absl::Status WithRetryAfter(absl::Status status, std::optional<absl::Duration> wait) {
  if (wait) status.SetPayload(kPayload, absl::Cord(absl::StrCat(absl::ToInt64Milliseconds(*wait))));
  return status;
}

absl::Duration RetryAfterOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayload);
  int64_t milliseconds = 0;
  if (!payload || !absl::SimpleAtoi(std::string(*payload), &milliseconds)) return absl::ZeroDuration();
  return absl::Milliseconds(milliseconds);
}

std::string ClockHint(const http::Response& response, absl::Time now) {
  const std::optional<absl::Time> theirs =
      ParseDate(absl::StripAsciiWhitespace(response.headers.Get("date")));
  if (!theirs) return "";
  const absl::Duration ahead = absl::Trunc(now - *theirs, absl::Seconds(1));
  if (absl::AbsDuration(ahead) <= kUsualSkew) return "";
  return absl::StrCat("the clock of this device is ", absl::FormatDuration(absl::AbsDuration(ahead)),
                      ahead > absl::ZeroDuration() ? " ahead of" : " behind", " the server's");
}

}  // namespace aziot::https
