#include "absl/strings/cord.h"
#include "common/https/client.h"

namespace aziot::https {
namespace {

constexpr absl::string_view kPayload = "aziot/network-failure";

}  // namespace

FailureKind FailureKindOf(const absl::Status& status) {
  return status.GetPayload(kPayload).has_value() ? FailureKind::kNetwork : FailureKind::kOther;
}

absl::Status WithFailureKind(absl::Status status, FailureKind kind) {
  if (kind == FailureKind::kNetwork) {
    status.SetPayload(kPayload, absl::Cord());
  } else {
    status.ErasePayload(kPayload);
  }
  return status;
}

}  // namespace aziot::https
