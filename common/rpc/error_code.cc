#include "common/rpc/error_code.h"

#include "absl/strings/cord.h"

namespace aziot::rpc {
namespace {

constexpr absl::string_view kPayload = "aziot.rpc/error-code";

}  // namespace

absl::Status WithErrorCode(absl::Status status, absl::string_view code) {
  status.SetPayload(kPayload, absl::Cord(code));
  return status;
}

std::string ErrorCodeOf(const absl::Status& status) {
  const absl::optional<absl::Cord> code = status.GetPayload(kPayload);
  return code.has_value() ? std::string(*code) : "";
}

}  // namespace aziot::rpc
