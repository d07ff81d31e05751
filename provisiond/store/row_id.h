#pragma once

#include <string>

namespace aziot::provisiond::store {

// A new row's id: 128 random bits in hex.
std::string NewRowId();
// 64 random bits in base64, new with every change of a row.
std::string NewEtag();

}  // namespace aziot::provisiond::store
