#include "common/openssl/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <climits>
#include <cstdlib>

#include "common/openssl/error_queue.h"

namespace aziot::openssl {

int NoPassword(char*, int, int, void*) { return -1; }

absl::StatusOr<BioPtr> OpenText(absl::string_view pem) {
  if (pem.size() > INT_MAX) return absl::InvalidArgumentError("PEM: the text is too large");
  BioPtr bio(BIO_new_mem_buf(pem.empty() ? "" : pem.data(), static_cast<int>(pem.size())));
  if (bio == nullptr) std::abort();  // out of memory
  return bio;
}

absl::StatusOr<std::optional<PemBlock>> NextBlock(BIO& text, const char* kind, absl::string_view doing) {
  PemBlock block;
  unsigned char* data = nullptr;
  ERR_clear_error();
  if (PEM_bytes_read_bio(&data, &block.size, nullptr, kind, &text, NoPassword, nullptr) != 1) {
    const unsigned long error = ERR_peek_last_error();
    if (ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE) {
      ERR_clear_error();
      return std::nullopt;
    }
    return ErrorFromQueue(absl::StatusCode::kInvalidArgument, doing);
  }
  block.data.reset(data);
  return block;
}

std::string TextOf(BIO& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(&bio, &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string();
}

}  // namespace aziot::openssl
