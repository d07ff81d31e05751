#include "openssl-engine/engine/error_queue.h"

#include <openssl/err.h>

namespace aziot::openssl_engine {
namespace {

ERR_STRING_DATA Text(Reason reason, const char* text) { return {static_cast<unsigned long>(reason), text}; }

int RegisterLibrary() {
  // The table is OpenSSL's from here on: it writes the library's number into it.
  static ERR_STRING_DATA library[] = {{0, "aziot_key_openssl_engine"}, {0, nullptr}};
  static ERR_STRING_DATA reasons[] = {
      Text(Reason::kInvalidName, "invalid key name"),
      Text(Reason::kNotSupported, "not supported"),
      Text(Reason::kUnreachable, "keyd cannot be reached"),
      Text(Reason::kTimeout, "keyd timed out"),
      Text(Reason::kBadAnswer, "bad answer from keyd"),
      Text(Reason::kRefused, "refused by keyd"),
      Text(Reason::kRotated, "key was rotated, reload"),
      Text(Reason::kInvalidInput, "invalid input"),
      Text(Reason::kCrypto, "crypto failure"),
      {0, nullptr},
  };
  const int number = ERR_get_next_error_library();
  library[0].error = ERR_PACK(number, 0, 0);
  ERR_load_strings(number, library);
  ERR_load_strings(number, reasons);
  return number;
}

int Library() {
  static const int number = RegisterLibrary();
  return number;
}

}  // namespace

void LoadErrorStrings() { Library(); }

void Raise(const char* function, const Failure& failure) {
  ERR_new();
  ERR_set_debug("aziot_keys", 0, function);
  ERR_set_error(Library(), static_cast<int>(failure.reason), "%s", failure.text.c_str());
}

}  // namespace aziot::openssl_engine
