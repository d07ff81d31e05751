#include "keyd/tpm/marshal.h"

#include <tss2/tss2_mu.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace aziot::keyd::tpm {
namespace {

template <class T>
absl::StatusOr<T> Parse(BytesView bytes, absl::string_view name,
                        TSS2_RC (*unmarshal)(const uint8_t*, size_t, size_t*, T*)) {
  T object{};
  size_t read = 0;
  if (const TSS2_RC rc = unmarshal(bytes.data(), bytes.size(), &read, &object); rc != TSS2_RC_SUCCESS) {
    return absl::InvalidArgumentError(absl::StrFormat("no %s (0x%X)", name, rc));
  }
  if (read != bytes.size()) {
    return absl::InvalidArgumentError(absl::StrCat(bytes.size() - read, " bytes after ", name));
  }
  return object;
}

template <class T>
absl::StatusOr<Bytes> Format(const T& object, absl::string_view name,
                             TSS2_RC (*marshal)(const T*, uint8_t*, size_t, size_t*)) {
  Bytes bytes(sizeof object + 2);
  size_t written = 0;
  if (const TSS2_RC rc = marshal(&object, bytes.data(), bytes.size(), &written); rc != TSS2_RC_SUCCESS) {
    return absl::InternalError(absl::StrFormat("%s cannot be written (0x%X)", name, rc));
  }
  bytes.resize(written);
  return bytes;
}

}  // namespace

absl::StatusOr<TPM2B_PUBLIC> ParsePublic(BytesView bytes) {
  return Parse(bytes, "TPM2B_PUBLIC", Tss2_MU_TPM2B_PUBLIC_Unmarshal);
}

absl::StatusOr<TPM2B_PRIVATE> ParsePrivate(BytesView bytes) {
  return Parse(bytes, "TPM2B_PRIVATE", Tss2_MU_TPM2B_PRIVATE_Unmarshal);
}

absl::StatusOr<Bytes> FormatPublic(const TPM2B_PUBLIC& object) {
  return Format(object, "TPM2B_PUBLIC", Tss2_MU_TPM2B_PUBLIC_Marshal);
}

absl::StatusOr<Bytes> FormatPrivate(const TPM2B_PRIVATE& object) {
  return Format(object, "TPM2B_PRIVATE", Tss2_MU_TPM2B_PRIVATE_Marshal);
}

}  // namespace aziot::keyd::tpm
