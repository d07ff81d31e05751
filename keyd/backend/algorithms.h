// Facts about algorithms, as rows of one table: a new algorithm is a row.
#pragma once

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace aziot::keyd {

enum class KeyFamily { kEc, kRsa };
enum class KeyAlgorithm { kEcP256, kRsa2048, kRsa4096 };
enum class PairParameter { kEcCurveOid, kEcPoint, kRsaModulus, kRsaExponent };
// Around the input of RSA's private operation: EMSA-PKCS1-v1_5's padding without DigestInfo, or nothing.
enum class RsaPadding { kPkcs1, kNone };

// What a symmetric key is made for. Deriving and signing are the same capability.
struct KeyUsage {
  bool sign = false;
  bool encrypt = false;
  friend bool operator==(const KeyUsage&, const KeyUsage&) = default;
};

struct AlgorithmFacts {
  KeyAlgorithm algorithm;
  absl::string_view word;  // in `preferredAlgorithms`
  KeyFamily family;
  int rsa_bits;               // 0 for EC
  const char* openssl_group;  // nullptr for RSA
};

std::span<const AlgorithmFacts> AllAlgorithms();
const AlgorithmFacts& FactsOf(KeyAlgorithm algorithm);

// `ec-p256:rsa-4096:*`, tried in order; `*` is ec-p256, then rsa-2048. Unknown words are skipped, repeats
// dropped. kInvalidArgument when nothing is left.
absl::StatusOr<std::vector<KeyAlgorithm>> ParsePreferredAlgorithms(absl::string_view text);

// `derive`, `encrypt`, `sign` separated by commas, in any order. kInvalidArgument for any other word, also
// the empty one.
absl::StatusOr<KeyUsage> ParseKeyUsage(absl::string_view text);

}  // namespace aziot::keyd
