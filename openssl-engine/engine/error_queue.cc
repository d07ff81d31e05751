#include "openssl-engine/engine/error_queue.h"

#include <openssl/err.h>

#include <iterator>

namespace aziot::openssl_engine {
namespace {

int RegisterLibrary() {
  // The table is OpenSSL's from here on: it writes the library's number into it.
  static ERR_STRING_DATA library[] = {{0, "aziot_key_openssl_engine"}, {0, nullptr}};
  static ERR_STRING_DATA reasons[std::size(kReasonTexts) + 1] = {};  // the last one ends it
  for (size_t i = 0; i < std::size(kReasonTexts); ++i) {
    reasons[i] = {static_cast<unsigned long>(kReasonTexts[i].reason), kReasonTexts[i].text};
  }
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
