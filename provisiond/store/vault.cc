#include "provisiond/store/vault.h"

#include <openssl/evp.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/openssl/digest.h"
#include "common/openssl/owned.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::provisiond::store {
namespace {

constexpr size_t kKeySize = 32;
constexpr size_t kNonceSize = 12;
constexpr size_t kTagSize = 16;
constexpr uint8_t kVersion = 1;

std::string AdditionalData(const Place& place) {
  return absl::StrCat(place.table, absl::string_view("\0", 1), place.column, absl::string_view("\0", 1),
                      place.row);
}

// A cipher that cannot be set up is a broken library, not a case of its callers.
void Require(bool ok) {
  if (!ok) std::abort();
}

}  // namespace

absl::StatusOr<Vault> Vault::Load(absl::string_view data_key_file) {
  struct stat info {};
  const std::string path(data_key_file);
  if (stat(path.c_str(), &info) != 0) {
    if (errno != ENOENT) return ErrnoStatus(errno, absl::StrCat("look at ", path));
    Secret key = openssl::RandomSecret(kKeySize);
    RETURN_IF_ERROR(files::Replace(path, key.Expose(), 0600));
    return Vault(std::move(key));
  }
  if ((info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": the data key may be read by others (want mode 0600)"));
  }
  ASSIGN_OR_RETURN(Secret key, files::ReadSecret(path));
  if (key.size() != kKeySize) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": the data key has ", key.size(), " bytes, not 32"));
  }
  return Vault(std::move(key));
}

Bytes Vault::Seal(const Place& place, const Secret& secret) const {
  const std::string aad = AdditionalData(place);
  const Bytes nonce = openssl::RandomBytes(kNonceSize);
  Bytes out(1 + kNonceSize + secret.size() + kTagSize);
  out[0] = kVersion;
  std::copy(nonce.begin(), nonce.end(), out.begin() + 1);
  uint8_t* text = out.data() + 1 + kNonceSize;

  openssl::CipherCtxPtr cipher(EVP_CIPHER_CTX_new());
  int n = 0;
  Require(EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, data_key_.Expose().data(),
                             nonce.data()) == 1);
  Require(EVP_EncryptUpdate(cipher.get(), nullptr, &n, ToBytesView(aad).data(),
                            static_cast<int>(aad.size())) == 1);
  Require(EVP_EncryptUpdate(cipher.get(), text, &n, secret.Expose().data(),
                            static_cast<int>(secret.size())) == 1);
  Require(EVP_EncryptFinal_ex(cipher.get(), text + n, &n) == 1);
  Require(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagSize, text + secret.size()) == 1);
  return out;
}

absl::StatusOr<Secret> Vault::Open(const Place& place, BytesView sealed) const {
  const absl::Status refused = absl::DataLossError(
      absl::StrCat("a secret of table ", place.table, " does not open with this data key"));
  if (sealed.size() < 1 + kNonceSize + kTagSize || sealed[0] != kVersion) return refused;
  const std::string aad = AdditionalData(place);
  const BytesView text = sealed.subspan(1 + kNonceSize, sealed.size() - 1 - kNonceSize - kTagSize);
  Bytes tag(sealed.end() - kTagSize, sealed.end());
  Secret secret = Secret::OfSize(text.size());

  openssl::CipherCtxPtr cipher(EVP_CIPHER_CTX_new());
  int n = 0;
  uint8_t none = 0;
  Require(EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, data_key_.Expose().data(),
                             sealed.data() + 1) == 1);
  Require(EVP_DecryptUpdate(cipher.get(), nullptr, &n, ToBytesView(aad).data(),
                            static_cast<int>(aad.size())) == 1);
  uint8_t* out = text.empty() ? &none : secret.ExposeForWriting().data();
  Require(EVP_DecryptUpdate(cipher.get(), out, &n, text.data(), static_cast<int>(text.size())) == 1);
  Require(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagSize, tag.data()) == 1);
  if (EVP_DecryptFinal_ex(cipher.get(), &none, &n) != 1) return refused;
  return secret;
}

}  // namespace aziot::provisiond::store
