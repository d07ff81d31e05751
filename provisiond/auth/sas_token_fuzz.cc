#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "common/bytes/base64.h"
#include "common/http/target.h"
#include "provisiond/auth/sas_token.h"

// A token that was accepted, written in the canonical order and read again, says the same; and it covers
// itself.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace aziot;
  using namespace aziot::provisiond::auth;
  const auto token = ParseSasToken({reinterpret_cast<const char*>(data), size});
  if (!token.ok()) return 0;
  const auto again =
      ParseSasToken(absl::StrCat("SharedAccessSignature sr=", token->resource,
                                 "&sig=", http::PercentEncode(FormatBase64(token->signature)),
                                 "&se=", token->expiry_text, "&skn=", http::PercentEncode(token->key_name)));
  if (again.ok()) {
    if (again->resource != token->resource || again->signature != token->signature ||
        again->expiry != token->expiry || again->key_name != token->key_name) {
      std::abort();
    }
  } else if (size < 2048) {
    std::abort();
  }
  Covers(*token, {"host", "devices", "d"}, Scope::kPrefix);
  SignedBy(*token, ToBytesView("key"));
  return 0;
}
