// `method = "est"` (RFC 7030): not supported yet; says so for each certificate that asks for it.
#pragma once

#include <memory>

#include "certd/issuer/issuer.h"

namespace aziot::certd {

std::unique_ptr<Issuer> NewEst(const IssuerParts& parts);

}  // namespace aziot::certd
