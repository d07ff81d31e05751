#include "keyd/backend/library/output.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"

namespace aziot::keyd::library {
namespace {

// More than any signature, and any plaintext that a request can carry.
constexpr uintptr_t kMostBytes = uintptr_t{16} << 20;

void EndIfOverrun(const Call& call, uintptr_t room, uintptr_t length) {
  if (length <= room) return;
  // Whatever stood behind the buffer is overwritten: nothing of this process can be trusted any more.
  log::Error(
      "key library {}: {}(\"{}\") says it wrote {} bytes where there was room for {}; this process ends",
      call.library, call.function, call.subject, length, room);
  std::abort();
}

}  // namespace

absl::StatusOr<Bytes> ReadOutput(const Call& call, Fill fill) {
  uintptr_t bound = 0;
  RETURN_IF_ERROR(ToStatus(fill(nullptr, &bound), call));
  if (bound > kMostBytes) return BadAnswer(call, absl::StrCat("announced ", bound, " bytes"));
  // An empty vector has no address, and none asks for the bound again.
  Bytes bytes(std::max<uintptr_t>(bound, 1));
  uintptr_t length = bound;
  const AZIOT_KEYS_RC code = fill(bytes.data(), &length);
  RETURN_IF_ERROR(ToStatus(code, call));
  EndIfOverrun(call, bound, length);
  bytes.resize(length);
  return bytes;
}

absl::Status ReadExactly(const Call& call, std::span<uint8_t> out, Fill fill) {
  uintptr_t length = out.size();
  RETURN_IF_ERROR(ToStatus(fill(out.data(), &length), call));
  if (length == out.size()) return absl::OkStatus();
  return BadAnswer(call, absl::StrCat("gave ", length, " bytes instead of ", out.size()));
}

}  // namespace aziot::keyd::library
