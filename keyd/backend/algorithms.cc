#include "keyd/backend/algorithms.h"

#include <algorithm>

#include "absl/strings/str_split.h"

namespace aziot::keyd {
namespace {

constexpr AlgorithmFacts kAlgorithms[] = {
    {KeyAlgorithm::kEcP256, "ec-p256", KeyFamily::kEc, 0, "P-256"},
    {KeyAlgorithm::kRsa2048, "rsa-2048", KeyFamily::kRsa, 2048, nullptr},
    {KeyAlgorithm::kRsa4096, "rsa-4096", KeyFamily::kRsa, 4096, nullptr},
};
constexpr KeyAlgorithm kAnyAlgorithm[] = {KeyAlgorithm::kEcP256, KeyAlgorithm::kRsa2048};

}  // namespace

std::span<const AlgorithmFacts> AllAlgorithms() { return kAlgorithms; }

const AlgorithmFacts& FactsOf(KeyAlgorithm algorithm) {
  return *std::find_if(std::begin(kAlgorithms), std::end(kAlgorithms),
                       [&](const AlgorithmFacts& facts) { return facts.algorithm == algorithm; });
}

absl::StatusOr<std::vector<KeyAlgorithm>> ParsePreferredAlgorithms(absl::string_view text) {
  std::vector<KeyAlgorithm> preferred;
  const auto add = [&](KeyAlgorithm algorithm) {
    if (std::find(preferred.begin(), preferred.end(), algorithm) == preferred.end()) {
      preferred.push_back(algorithm);
    }
  };
  for (const absl::string_view word : absl::StrSplit(text, ':')) {
    if (word == "*") {
      for (const KeyAlgorithm algorithm : kAnyAlgorithm) add(algorithm);
    }
    for (const AlgorithmFacts& facts : kAlgorithms) {
      if (facts.word == word) add(facts.algorithm);
    }
  }
  if (preferred.empty()) return absl::InvalidArgumentError("no algorithm in the list is supported");
  return preferred;
}

absl::StatusOr<KeyUsage> ParseKeyUsage(absl::string_view text) {
  KeyUsage usage;
  for (const absl::string_view word : absl::StrSplit(text, ',')) {
    if (word == "derive" || word == "sign") {
      usage.sign = true;
    } else if (word == "encrypt") {
      usage.encrypt = true;
    } else {
      return absl::InvalidArgumentError("usage: expected a comma-separated list of derive, encrypt, sign");
    }
  }
  return usage;
}

}  // namespace aziot::keyd
