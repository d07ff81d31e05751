#include "common/openssl/error_queue.h"

#include <openssl/err.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace aziot::openssl {

absl::Status ErrorFromQueue(absl::StatusCode code, absl::string_view doing) {
  std::string message(doing);
  absl::string_view separator = ": ";
  const char* data = nullptr;
  int flags = 0;
  while (const unsigned long error = ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags)) {
    const char* reason = ERR_reason_error_string(error);
    if (reason != nullptr) {
      absl::StrAppend(&message, separator, reason);
    } else {
      absl::StrAppend(&message, separator, "error ", absl::Hex(error));
    }
    if ((flags & ERR_TXT_STRING) != 0 && data[0] != '\0') absl::StrAppend(&message, " (", data, ")");
    separator = "; ";
  }
  if (separator == ": ") absl::StrAppend(&message, ": OpenSSL gives no reason");
  return absl::Status(code, message);
}

}  // namespace aziot::openssl
