// What a key file holds. Symmetric keys and pairs share one file name, so the content decides which it is.
#pragma once

#include <memory>
#include <string>

#include "common/bytes/secret.h"
#include "keyd/backend/memory_key.h"
#include "keyd/backend/memory_key_pair.h"

namespace aziot::keyd::file {

struct KeyContent {
  enum class Kind {
    kTorn,         // empty, or the beginning of a PEM key: a write that power loss cut; may be replaced
    kSymmetric,    // raw bytes
    kPair,         // a private key in PEM
    kUnusablePem,  // whole PEM that is no usable private key: encrypted, another algorithm, a certificate;
                   // or one that could not be read for want of memory
  };
  Kind kind = Kind::kTorn;
  size_t file_size = 0;
  std::unique_ptr<MemoryKey> key;       // of kSymmetric
  std::unique_ptr<MemoryKeyPair> pair;  // of kPair
  bool all_zero = false;                // blocks that were allocated and never written read as zeros
  std::string why;                      // of kTorn and kUnusablePem
};

KeyContent ReadContent(Secret bytes);

}  // namespace aziot::keyd::file
