#include "keyd/tpm/challenge_blob.h"

#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace aziot::keyd::tpm {
namespace {

constexpr size_t kLengthBytes = 2;

absl::Status Refused(absl::string_view structure, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("authentication key: ", structure, ": ", why));
}

// Takes the next structure, its length included, off `rest`.
absl::StatusOr<BytesView> Next(BytesView& rest, absl::string_view structure) {
  if (rest.size() < kLengthBytes) return Refused(structure, "its length is missing");
  const size_t size = kLengthBytes + (size_t{rest[0]} << 8 | rest[1]);
  if (rest.size() < size) {
    return Refused(structure, absl::StrCat("it is cut off: ", rest.size(), " of ", size, " bytes are there"));
  }
  const BytesView taken = rest.first(size);
  rest = rest.subspan(size);
  return taken;
}

template <size_t kMost>
absl::Status TakeBuffer(BytesView& rest, absl::string_view structure, UINT16& size, BYTE (&buffer)[kMost]) {
  ASSIGN_OR_RETURN(const BytesView taken, Next(rest, structure));
  const BytesView content = taken.subspan(kLengthBytes);
  if (content.size() > kMost) {
    return Refused(structure, absl::StrCat("its length is ", content.size(), ", more than ", kMost));
  }
  size = static_cast<UINT16>(content.size());
  std::copy(content.begin(), content.end(), buffer);
  return absl::OkStatus();
}

absl::Status TakePublic(BytesView& rest, absl::string_view structure, TPM2B_PUBLIC& area) {
  ASSIGN_OR_RETURN(const BytesView taken, Next(rest, structure));
  if (taken.size() == kLengthBytes) return Refused(structure, "it is empty");
  size_t read = 0;
  const TSS2_RC rc = Tss2_MU_TPM2B_PUBLIC_Unmarshal(taken.data(), taken.size(), &read, &area);
  if (rc != TSS2_RC_SUCCESS) return Refused(structure, Tss2_RC_Decode(rc));
  if (read != taken.size()) return Refused(structure, "its length does not fit its content");
  if (area.publicArea.type != TPM2_ALG_KEYEDHASH) return Refused(structure, "it is not that of an HMAC key");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ChallengeBlob> ParseChallengeBlob(BytesView blob) {
  ChallengeBlob result{};
  RETURN_IF_ERROR(TakeBuffer(blob, "TPM2B_ID_OBJECT", result.credential.size, result.credential.credential));
  RETURN_IF_ERROR(TakeBuffer(blob, "TPM2B_ENCRYPTED_SECRET of the credential", result.credential_seed.size,
                             result.credential_seed.secret));
  RETURN_IF_ERROR(TakeBuffer(blob, "TPM2B_PRIVATE", result.duplicate.size, result.duplicate.buffer));
  RETURN_IF_ERROR(TakeBuffer(blob, "TPM2B_ENCRYPTED_SECRET of the key", result.duplicate_seed.size,
                             result.duplicate_seed.secret));
  RETURN_IF_ERROR(TakePublic(blob, "TPM2B_PUBLIC", result.public_area));
  return result;
}

}  // namespace aziot::keyd::tpm
