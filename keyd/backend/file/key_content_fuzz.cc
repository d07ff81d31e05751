#include <cstdint>
#include <cstdlib>

#include "keyd/backend/file/key_content.h"

// A file is one kind of thing whenever it is read, and a pair that is written again is the same pair.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using aziot::Secret;
  using aziot::keyd::PairParameter;
  using aziot::keyd::file::KeyContent;
  using aziot::keyd::file::ReadContent;
  const aziot::BytesView bytes(data, size);
  const KeyContent content = ReadContent(Secret(bytes));
  if (ReadContent(Secret(bytes)).kind != content.kind) std::abort();
  if ((content.kind == KeyContent::Kind::kSymmetric) != (content.key != nullptr)) std::abort();
  if ((content.kind == KeyContent::Kind::kPair) != (content.pair != nullptr)) std::abort();
  if (content.key != nullptr && !content.key->Hmac(bytes).ok()) std::abort();
  if (content.pair == nullptr) return 0;
  const bool is_ec = content.pair->family() == aziot::keyd::KeyFamily::kEc;
  const PairParameter shown = is_ec ? PairParameter::kEcPoint : PairParameter::kRsaModulus;
  const auto value = content.pair->PublicParameter(shown);
  const auto pem = content.pair->FormatPem();
  if (!value.ok() || !pem.ok()) return 0;
  const KeyContent again = ReadContent(Secret(pem->Expose()));
  if (again.pair == nullptr || *again.pair->PublicParameter(shown) != *value) std::abort();
  return 0;
}
