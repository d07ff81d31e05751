#include "keyd/backend/tpm2/type1_padding.h"

#include "absl/strings/str_cat.h"

namespace aziot::keyd::tpm2 {

absl::StatusOr<Bytes> PadType1(BytesView input, size_t size) {
  constexpr size_t kOverhead = 11;
  if (size < kOverhead || input.size() > size - kOverhead) {
    return absl::InternalError(
        absl::StrCat(input.size(), " bytes and their padding are longer than the modulus of ", size));
  }
  Bytes padded = {0x00, 0x01};
  padded.resize(size - input.size() - 1, 0xff);
  padded.push_back(0x00);
  padded.insert(padded.end(), input.begin(), input.end());
  return padded;
}

}  // namespace aziot::keyd::tpm2
