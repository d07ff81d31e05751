#include "common/rpc/call_context.h"

namespace aziot::rpc {
namespace {

constexpr absl::string_view kPayload = "aziot.rpc/move";

absl::Status NewMark() {
  absl::Status mark(absl::StatusCode::kAborted, "the call moves to another lane");
  mark.SetPayload(kPayload, absl::Cord("1"));
  return mark;
}

}  // namespace

absl::Status CallContext::MoveTo(const Lane& lane) const {
  if (lane.is_inline() || lane == running_) return absl::OkStatus();
  wanted_ = lane;
  static const absl::Status mark = NewMark();
  return mark;
}

bool CallContext::IsMark(const absl::Status& status) {
  return status.code() == absl::StatusCode::kAborted && status.GetPayload(kPayload).has_value();
}

}  // namespace aziot::rpc
