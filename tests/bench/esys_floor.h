// "esys": the same operation in one process that has the TPM to itself, with a key that stays loaded.
#pragma once

#include <string>

#include "tests/bench/load.h"

namespace aziot::bench {

Worker EsysEcdsa(const std::string& tcti);  // P-256, 32 bytes
Worker EsysHmac(const std::string& tcti);   // SHA-256, 32 bytes

}  // namespace aziot::bench
