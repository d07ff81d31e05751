// The list of certificate issuers, by the word of `method`.
#pragma once

#include <memory>

#include "certd/issuer/issuer.h"

namespace aziot::certd {

// kInvalidArgument names an unknown method and the known ones.
absl::StatusOr<std::unique_ptr<Issuer>> NewIssuer(absl::string_view method, const IssuerParts& parts);

absl::Status CheckMethod(absl::string_view method);

}  // namespace aziot::certd
