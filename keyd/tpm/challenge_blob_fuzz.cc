// Any bytes as an authentication key: what is read can be written again as a beginning of the same bytes.
#include <tss2/tss2_mu.h>

#include <algorithm>
#include <cstdlib>

#include "keyd/tpm/challenge_blob.h"

namespace {

using aziot::BytesView;

// `content` behind its length must be what stands next.
void MustBeNext(BytesView& rest, const uint8_t* content, size_t size) {
  if (rest.size() < 2 + size || rest[0] != size >> 8 || rest[1] != (size & 0xff)) std::abort();
  if (!std::equal(content, content + size, rest.begin() + 2)) std::abort();
  rest = rest.subspan(2 + size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  BytesView rest(data, size);
  const auto blob = aziot::keyd::tpm::ParseChallengeBlob(rest);
  if (!blob.ok()) return 0;
  MustBeNext(rest, blob->credential.credential, blob->credential.size);
  MustBeNext(rest, blob->credential_seed.secret, blob->credential_seed.size);
  MustBeNext(rest, blob->duplicate.buffer, blob->duplicate.size);
  MustBeNext(rest, blob->duplicate_seed.secret, blob->duplicate_seed.size);
  TPM2B_PUBLIC area = blob->public_area;
  area.size = 0;  // computed anew
  uint8_t written[sizeof area];
  size_t end = 0;
  if (Tss2_MU_TPM2B_PUBLIC_Marshal(&area, written, sizeof written, &end) != TSS2_RC_SUCCESS) std::abort();
  if (rest.size() < end || !std::equal(written, written + end, rest.begin())) std::abort();
  return 0;
}
