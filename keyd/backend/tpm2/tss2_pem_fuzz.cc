#include <cstdint>
#include <cstdlib>
#include <string>

#include "common/bytes/base64.h"
#include "keyd/backend/tpm2/tpm_key.h"
#include "keyd/backend/tpm2/tss2_pem.h"

namespace {

using namespace aziot::keyd;

// What parses is written and read back as the same key, and what it shows of itself is well-formed.
void Check(absl::string_view pem) {
  const auto parsed = tpm2::ParseTss2Pem(pem);
  if (!parsed.ok()) return;
  const auto text = tpm2::FormatTss2Pem(*parsed);
  if (!text.ok()) return;  // of a structure the TSS reads, but does not write
  const auto again = tpm2::ParseTss2Pem(*text);
  if (!again.ok() || *tpm2::FormatTss2Pem(*again) != *text) std::abort();
  const auto key = tpm2::TpmKey::FromFile(*parsed);
  if (!key.ok() || !(*key)->family().has_value()) return;
  const bool is_ec = (*key)->family() == KeyFamily::kEc;
  if (is_ec) {
    const auto point = (*key)->PublicParameter(PairParameter::kEcPoint);
    if (point.ok() && ((*point)[0] | 1) != 3) std::abort();
  }
  if ((*key)->PublicParameter(is_ec ? PairParameter::kRsaModulus : PairParameter::kEcPoint).ok())
    std::abort();
}

}  // namespace

// As it is, and as what the armour holds.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Check(aziot::ToText({data, size}));
  Check("-----BEGIN TSS2 PRIVATE KEY-----\n" + aziot::FormatBase64({data, size}) +
        "\n-----END TSS2 PRIVATE KEY-----\n");
  return 0;
}
