#include "keyd/tpm/hmac.h"

#include <algorithm>

#include "common/status/status_macros.h"
#include "keyd/tpm/esys_ptr.h"
#include "keyd/tpm/transient.h"

namespace aziot::keyd::tpm {
namespace {

// What every TPM takes at once (MAX_DIGEST_BUFFER).
constexpr size_t kPiece = 1024;

TPM2B_MAX_BUFFER TakePiece(BytesView& rest) {
  TPM2B_MAX_BUFFER piece{};
  const BytesView taken = rest.first(std::min(rest.size(), kPiece));
  piece.size = static_cast<UINT16>(taken.size());
  std::copy(taken.begin(), taken.end(), piece.buffer);
  rest = rest.subspan(taken.size());
  return piece;
}

absl::StatusOr<Hmac> ToHmac(TpmContext& tpm, const TPM2B_DIGEST& digest) {
  Hmac hmac;
  const bool fits = digest.size == hmac.size();
  if (fits) std::copy_n(digest.buffer, hmac.size(), hmac.begin());
  tpm.WipeAnswer();  // it may be a derived key
  if (!fits) return absl::InternalError("the TPM's HMAC does not have 32 bytes");
  return hmac;
}

}  // namespace

absl::StatusOr<Hmac> HmacSha256(TpmContext& tpm, ESYS_TR key, ESYS_TR session, BytesView message) {
  ESYS_CONTEXT* const esys = tpm.esys();
  EsysPtr<TPM2B_DIGEST> digest;
  if (message.size() <= kPiece) {
    const TPM2B_MAX_BUFFER whole = TakePiece(message);
    RETURN_IF_ERROR(tpm.Run("TPM2_HMAC", [&] {
      return Esys_HMAC(esys, key, session, ESYS_TR_NONE, ESYS_TR_NONE, &whole, TPM2_ALG_SHA256,
                       EsysOut(digest));
    }));
    return ToHmac(tpm, *digest);
  }
  const TPM2B_AUTH no_password{};
  ESYS_TR started = ESYS_TR_NONE;
  RETURN_IF_ERROR(tpm.Run("TPM2_HMAC_Start", [&] {
    return Esys_HMAC_Start(esys, key, session, ESYS_TR_NONE, ESYS_TR_NONE, &no_password, TPM2_ALG_SHA256,
                           &started);
  }));
  Transient sequence(tpm, started);
  while (message.size() > kPiece) {
    const TPM2B_MAX_BUFFER piece = TakePiece(message);
    RETURN_IF_ERROR(tpm.Run("TPM2_SequenceUpdate", [&] {
      return Esys_SequenceUpdate(esys, sequence.get(), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &piece);
    }));
  }
  const TPM2B_MAX_BUFFER last = TakePiece(message);
  EsysPtr<TPMT_TK_HASHCHECK> ticket;
  RETURN_IF_ERROR(tpm.Run("TPM2_SequenceComplete", [&] {
    return Esys_SequenceComplete(esys, sequence.get(), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &last,
                                 kNullHierarchy, EsysOut(digest), EsysOut(ticket));
  }));
  sequence.Release();
  return ToHmac(tpm, *digest);
}

}  // namespace aziot::keyd::tpm
