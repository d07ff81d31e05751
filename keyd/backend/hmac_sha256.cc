#include "keyd/backend/hmac_sha256.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <cstring>

#include "common/openssl/error_queue.h"
#include "common/status/status_macros.h"

namespace aziot::keyd {
namespace {

constexpr uint8_t kInnerPad = 0x36;
constexpr uint8_t kOuterPad = 0x5c;

// Fetched once for the life of the process; a fetch per context costs more than the context.
const EVP_MD* Sha256() {
  static EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return md;
}

absl::Status Failed(absl::string_view doing) {
  return openssl::ErrorFromQueue(absl::StatusCode::kInternal, doing);
}

// The state after the one block that is the key, filled with zeros, XOR `pad`.
absl::StatusOr<openssl::MdCtxPtr> AfterKey(BytesView key, uint8_t pad) {
  std::array<uint8_t, HmacSha256::kBlockBytes> block{};
  if (!key.empty()) std::memcpy(block.data(), key.data(), key.size());
  for (uint8_t& byte : block) byte ^= pad;
  openssl::MdCtxPtr state(EVP_MD_CTX_new());
  const bool hashed = state != nullptr && EVP_DigestInit_ex2(state.get(), Sha256(), nullptr) == 1 &&
                      EVP_DigestUpdate(state.get(), block.data(), block.size()) == 1;
  OPENSSL_cleanse(block.data(), block.size());
  if (!hashed) return Failed("preparing HMAC-SHA256");
  return state;
}

}  // namespace

absl::StatusOr<std::unique_ptr<HmacSha256>> HmacSha256::New(BytesView key) {
  if (key.size() > kBlockBytes) return absl::InternalError("HMAC-SHA256: the key is longer than a block");
  std::unique_ptr<HmacSha256> hmac(new HmacSha256());
  ASSIGN_OR_RETURN(hmac->inner_, AfterKey(key, kInnerPad));
  ASSIGN_OR_RETURN(hmac->outer_, AfterKey(key, kOuterPad));
  hmac->work_.reset(EVP_MD_CTX_new());
  if (hmac->work_ == nullptr) return Failed("preparing HMAC-SHA256");
  return hmac;
}

absl::Status HmacSha256::Compute(BytesView message, std::span<uint8_t, 32> out) {
  std::array<uint8_t, 32> inner;
  if (EVP_MD_CTX_copy_ex(work_.get(), inner_.get()) != 1 ||
      EVP_DigestUpdate(work_.get(), message.data(), message.size()) != 1 ||
      EVP_DigestFinal_ex(work_.get(), inner.data(), nullptr) != 1 ||
      EVP_MD_CTX_copy_ex(work_.get(), outer_.get()) != 1 ||
      EVP_DigestUpdate(work_.get(), inner.data(), inner.size()) != 1 ||
      EVP_DigestFinal_ex(work_.get(), out.data(), nullptr) != 1) {
    return Failed("computing HMAC-SHA256");
  }
  return absl::OkStatus();
}

absl::Status HmacSha256::Forget() {
  if (EVP_MD_CTX_copy_ex(work_.get(), outer_.get()) != 1) return Failed("clearing HMAC-SHA256");
  return absl::OkStatus();
}

}  // namespace aziot::keyd
