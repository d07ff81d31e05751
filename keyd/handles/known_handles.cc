#include "keyd/handles/known_handles.h"

#include "common/bytes/bytes.h"
#include "common/openssl/digest.h"

namespace aziot::keyd {
namespace {

constexpr size_t kGeneration = 2048;

}  // namespace

void KnownHandles::Add(absl::string_view handle, const Handle& names) {
  const Hash hash = openssl::Sha256(ToBytesView(handle));
  const std::lock_guard lock(mutex_);
  if (young_.size() >= kGeneration) {
    old_ = std::move(young_);
    young_.clear();
  }
  young_.insert_or_assign(hash, Entry{names, Clock::now() + lifetime_});
  any_ = true;
}

std::optional<Handle> KnownHandles::Find(absl::string_view handle) const {
  if (!any_) return std::nullopt;
  const Hash hash = openssl::Sha256(ToBytesView(handle));
  const std::lock_guard lock(mutex_);
  for (const Generation* generation : {&young_, &old_}) {
    const auto entry = generation->find(hash);
    if (entry == generation->end()) continue;
    if (entry->second.until < Clock::now()) return std::nullopt;
    return entry->second.names;
  }
  return std::nullopt;
}

}  // namespace aziot::keyd
