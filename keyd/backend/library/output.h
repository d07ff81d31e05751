// Bytes out of a key library: one call for an upper bound of their number, one for the bytes.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "common/bytes/bytes.h"
#include "keyd/backend/library/return_code.h"

namespace aziot::keyd::library {

// A function of the library with all arguments but the last two.
using Fill = absl::FunctionRef<AZIOT_KEYS_RC(unsigned char* out, uintptr_t* inout_len)>;

// As ToStatus; kInternal for a bound beyond reason. Ends the process when the library says that it wrote more
// than there was room for.
absl::StatusOr<Bytes> ReadOutput(const Call& call, Fill fill);

// Exactly `out.size()` bytes by a single call; kInternal when the library says that it gave another number.
absl::Status ReadExactly(const Call& call, std::span<uint8_t> out, Fill fill);

// What to pass for `bytes`: never nullptr, for libraries refuse that, or read it, even when there is nothing
// to read.
inline const unsigned char* NotNull(BytesView bytes) {
  static constexpr unsigned char kNothing = 0;
  return bytes.data() == nullptr ? &kNothing : bytes.data();
}

}  // namespace aziot::keyd::library
