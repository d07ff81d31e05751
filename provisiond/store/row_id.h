#pragma once

#include <string>

namespace aziot::provisiond::store {

// A new row's id in hex: 48 bits of the time, then 80 random ones. Rows that are made together lie together
// in an index, so that a commit touches few of its pages.
std::string NewRowId();
// 64 random bits in base64, new with every change of a row.
std::string NewEtag();

}  // namespace aziot::provisiond::store
