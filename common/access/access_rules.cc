#include "common/access/access_rules.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace aziot::access {
namespace {

// Bytes of the Unicode character at `at`; names are UTF-8 when they come here.
size_t CharacterSize(absl::string_view text, size_t at) {
  size_t size = 1;
  while (at + size < text.size() && (static_cast<unsigned char>(text[at + size]) & 0xc0) == 0x80) ++size;
  return size;
}

}  // namespace

// Only the last `*` ever needs another try: whatever an earlier one could give up, the last one can take
// instead. So the work is bounded by the product of the two lengths, for every pattern.
bool MatchesPattern(absl::string_view pattern, absl::string_view name) {
  size_t p = 0;
  size_t n = 0;
  size_t after_star = absl::string_view::npos;
  size_t star_end = 0;  // where in `name` the run of the last `*` ends
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      after_star = ++p;
      star_end = n;
    } else if (p < pattern.size() && pattern[p] == '?') {
      ++p;
      n += CharacterSize(name, n);
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (after_star != absl::string_view::npos) {
      star_end += CharacterSize(name, star_end);
      p = after_star;
      n = star_end;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == absl::string_view::npos;
}

AccessRules::AccessRules(std::vector<Principal> principals) {
  for (Principal& principal : principals) {
    std::vector<std::string>& patterns = patterns_[principal.uid];
    std::move(principal.patterns.begin(), principal.patterns.end(), std::back_inserter(patterns));
  }
}

bool AccessRules::Allows(const net::Peer& peer, absl::string_view name) const {
  if (peer.uid == 0) return true;
  const auto found = patterns_.find(peer.uid);
  return found != patterns_.end() &&
         std::any_of(found->second.begin(), found->second.end(),
                     [name](const std::string& pattern) { return MatchesPattern(pattern, name); });
}

}  // namespace aziot::access
