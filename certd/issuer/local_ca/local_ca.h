// `method = "local_ca"`: signed by the authority of `[cert_issuance.local_ca]`, whose certificate and key
// pair are looked up at each request.
#pragma once

#include <memory>

#include "certd/issuer/issuer.h"

namespace aziot::certd {

std::unique_ptr<Issuer> NewLocalCa(const IssuerParts& parts);

}  // namespace aziot::certd
