// The part of a file's name that stands for an id of any length and alphabet, as all releases have written
// it: ASCII letters and digits of the id, "-", and the lower-case hex SHA-256 of its bytes. Keys,
// certificates and copies of modules are found by it, also by the reference after a rollback.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace aziot::openssl {

std::string HashedName(absl::string_view id);

}  // namespace aziot::openssl
