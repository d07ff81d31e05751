#include "openssl-engine/engine/held_key.h"

#include <new>

namespace aziot::openssl_engine {
namespace {

void Free(void*, void* held, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<HeldKey*>(held); }

// `slot` points to the source's pointer, and what it points to afterwards becomes the copy's.
int Duplicate(CRYPTO_EX_DATA* to, const CRYPTO_EX_DATA* from, void** slot, int index, long, void*) {
  if (to == from) return 1;
  delete static_cast<HeldKey*>(CRYPTO_get_ex_data(to, index));  // EC_KEY_copy may write over a key of ours
  CRYPTO_set_ex_data(to, index, nullptr);
  if (*slot == nullptr) return 1;
  auto* copy = new (std::nothrow) HeldKey(*static_cast<const HeldKey*>(*slot));
  *slot = copy;
  return copy != nullptr;
}

}  // namespace

int NewHeldKeyIndex(int kind) { return CRYPTO_get_ex_new_index(kind, 0, nullptr, nullptr, Duplicate, Free); }

}  // namespace aziot::openssl_engine
