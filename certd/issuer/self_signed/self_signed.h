// `method = "self_signed"`: signed by the key pair in keyd whose id is the certificate's.
#pragma once

#include <memory>

#include "certd/issuer/issuer.h"

namespace aziot::certd {

std::unique_ptr<Issuer> NewSelfSigned(const IssuerParts& parts);

}  // namespace aziot::certd
