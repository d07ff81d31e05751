#include <cstdint>
#include <cstdlib>
#include <memory>

#include "openssl-engine/base64.h"
#include "openssl-engine/key_file.h"
#include "openssl-engine/owned.h"

namespace {

using namespace aziot::openssl_engine;
using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;

Result<std::optional<KeyRef>> Read(const std::string& text) {
  const BioPtr in(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  return ReadKeyFile(in.get());
}

}  // namespace

// What is a name of a key in one form is the same name in the other.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const BioPtr in(BIO_new_mem_buf(data, static_cast<int>(size)));
  while (BIO_eof(in.get()) == 0) {
    const int left = BIO_pending(in.get());
    const auto ref = ReadKeyFile(in.get());
    if (BIO_pending(in.get()) >= left) std::abort();  // a reader that stands still
    if (!ref.ok() || !ref->has_value()) continue;
    const std::string uri = FormatKeyRef(**ref);
    const std::string coded = FormatBase64({reinterpret_cast<const uint8_t*>(uri.data()), uri.size()});
    for (const std::string& body : {uri, coded}) {
      const auto again = Read("-----BEGIN AZIOT KEYS URI-----\n" + body + "\n-----END AZIOT KEYS URI-----\n");
      // Percent-encoding makes a name up to three times as long.
      if (body.size() > kMaxKeyFileBody) continue;
      if (!again.ok() || !again->has_value() || FormatKeyRef(**again) != uri) std::abort();
    }
  }
  return 0;
}
