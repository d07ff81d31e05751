// Matchers for absl::Status and absl::StatusOr: IsOk(), IsOkAndHolds(value), StatusIs(code, message).
#pragma once

#include <gmock/gmock.h>

#include <ostream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace aziot::testing {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <class T>
const absl::Status& StatusOf(const absl::StatusOr<T>& value) {
  return value.status();
}

// Of a Status or a StatusOr of anything.
class StatusMatcher {
 public:
  StatusMatcher(::testing::Matcher<absl::StatusCode> code, ::testing::Matcher<std::string> message)
      : code_(std::move(code)), message_(std::move(message)) {}

  template <class S>
  bool MatchAndExplain(const S& value, ::testing::MatchResultListener* listener) const {
    const absl::Status& status = StatusOf(value);
    *listener << "whose status is " << status.ToString();
    return code_.Matches(status.code()) && message_.Matches(std::string(status.message()));
  }
  void DescribeTo(std::ostream* out) const {
    *out << "has a code that ";
    code_.DescribeTo(out);
    *out << " and a message that ";
    message_.DescribeTo(out);
  }
  void DescribeNegationTo(std::ostream* out) const {
    *out << "not: ";
    DescribeTo(out);
  }

 private:
  ::testing::Matcher<absl::StatusCode> code_;
  ::testing::Matcher<std::string> message_;
};

inline ::testing::PolymorphicMatcher<StatusMatcher> StatusIs(
    ::testing::Matcher<absl::StatusCode> code, ::testing::Matcher<std::string> message = ::testing::_) {
  return ::testing::MakePolymorphicMatcher(StatusMatcher(std::move(code), std::move(message)));
}

inline ::testing::PolymorphicMatcher<StatusMatcher> IsOk() { return StatusIs(absl::StatusCode::kOk); }

MATCHER_P(IsOkAndHolds, value, "is OK and holds a value that matches") {
  const absl::Status& status = StatusOf(arg);
  if (!status.ok()) {
    *result_listener << "whose status is " << status.ToString();
    return false;
  }
  return ::testing::ExplainMatchResult(value, *arg, result_listener);
}

}  // namespace aziot::testing

namespace absl {

// Found by GoogleTest, which would show the bytes of the object otherwise.
template <class T>
void PrintTo(const StatusOr<T>& value, std::ostream* out) {
  *out << value.status();
}

}  // namespace absl
