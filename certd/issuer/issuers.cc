#include "certd/issuer/issuers.h"

#include "absl/strings/str_cat.h"
#include "certd/issuer/est/est.h"
#include "certd/issuer/local_ca/local_ca.h"
#include "certd/issuer/self_signed/self_signed.h"

namespace aziot::certd {
namespace {

struct IssuerEntry {
  absl::string_view method;
  std::unique_ptr<Issuer> (*make)(const IssuerParts&);
};
constexpr IssuerEntry kIssuers[] = {
    {"est", NewEst},
    {"local_ca", NewLocalCa},
    {"self_signed", NewSelfSigned},
};

const IssuerEntry* Find(absl::string_view method) {
  for (const IssuerEntry& entry : kIssuers) {
    if (entry.method == method) return &entry;
  }
  return nullptr;
}

}  // namespace

absl::Status CheckMethod(absl::string_view method) {
  if (Find(method) != nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("unknown method \"", method, "\"; expected est, local_ca or self_signed"));
}

absl::StatusOr<std::unique_ptr<Issuer>> NewIssuer(absl::string_view method, const IssuerParts& parts) {
  const IssuerEntry* entry = Find(method);
  if (entry == nullptr) return CheckMethod(method);
  return entry->make(parts);
}

}  // namespace aziot::certd
