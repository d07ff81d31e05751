#include "keyd/backend/pkcs11/aead.h"

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "keyd/backend/pkcs11/ckr.h"

namespace aziot::keyd::pkcs11 {
namespace {

constexpr size_t kTagBytes = 16;
constexpr size_t kLongestIv = 128;  // as for keys in memory
constexpr uint8_t kVersion2 = 0x02;
constexpr CK_RV kAeadDecryptFailed = 0x42;  // CKR_AEAD_DECRYPT_FAILED of version 3.0

absl::Status CheckIv(BytesView iv) {
  if (iv.empty() || iv.size() > kLongestIv) return absl::InternalError("the iv must have 1 to 128 bytes");
  return absl::OkStatus();
}

// Views of `parameters`, for the time of a call.
struct GcmParameters {
  explicit GcmParameters(const AeadParameters& parameters) {
    gcm.iv_ptr = const_cast<uint8_t*>(parameters.iv.data());
    gcm.iv_len = parameters.iv.size();
    gcm.iv_bits = 8 * parameters.iv.size();
    gcm.aad_ptr = parameters.aad.empty() ? nullptr : const_cast<uint8_t*>(parameters.aad.data());
    gcm.aad_len = parameters.aad.size();
    gcm.tag_bits = 8 * kTagBytes;
  }
  CK_MECHANISM mechanism() { return {CKM_AES_GCM, &gcm, sizeof gcm}; }
  CK_GCM_PARAMS gcm = {};
};

bool MeansWrongTag(CK_RV code) {
  return code == CKR_ENCRYPTED_DATA_INVALID || code == CKR_ENCRYPTED_DATA_LEN_RANGE ||
         code == CKR_SIGNATURE_INVALID || code == CKR_DATA_INVALID || code == kAeadDecryptFailed;
}

}  // namespace

absl::StatusOr<Bytes> EncryptBlob(Session& session, CK_OBJECT_HANDLE key, const AeadParameters& parameters,
                                  BytesView plaintext) {
  RETURN_IF_ERROR(CheckIv(parameters.iv));
  GcmParameters gcm(parameters);
  ASSIGN_OR_RETURN(const Bytes sealed, session.Encrypt(gcm.mechanism(), key, plaintext));
  if (sealed.size() != plaintext.size() + kTagBytes) {
    return absl::InternalError("C_Encrypt: the result is not as long as the text and a tag");
  }
  Bytes blob = {kVersion2};
  blob.insert(blob.end(), sealed.begin(), sealed.end());
  return blob;
}

absl::StatusOr<Bytes> DecryptBlob(Session& session, CK_OBJECT_HANDLE key, const AeadParameters& parameters,
                                  BytesView blob) {
  if (blob.size() < 1 + kTagBytes) return absl::InvalidArgumentError("ciphertext too short");
  if (blob[0] != kVersion2) {
    return absl::InvalidArgumentError(
        absl::StrCat("ciphertext of version ", blob[0], ": a key on a token decrypts version 2 alone"));
  }
  RETURN_IF_ERROR(CheckIv(parameters.iv));
  GcmParameters gcm(parameters);
  auto plaintext = session.Decrypt(gcm.mechanism(), key, blob.subspan(1));
  if (plaintext.ok()) {
    if (plaintext->size() != blob.size() - 1 - kTagBytes) {
      return absl::InternalError("C_Decrypt: the result is not as long as the ciphertext");
    }
    return plaintext;
  }
  // SoftHSM says CKR_GENERAL_ERROR for a wrong tag, which anyone can cause: no reason to doubt the token
  // unless its session is void.
  const auto code = CkrOf(plaintext.status());
  if (code.has_value() && (MeansWrongTag(*code) || (IsVague(*code) && session.Check().ok()))) {
    return absl::InternalError(
        absl::StrCat("decrypting with AES-GCM: wrong key, iv or aad, or a changed ciphertext (",
                     plaintext.status().message(), ")"));
  }
  return plaintext.status();
}

}  // namespace aziot::keyd::pkcs11
