#include "common/log/request_id.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace aziot::log {
namespace {

constexpr size_t kLongest = 128;

thread_local absl::string_view current;

}  // namespace

bool IsRequestId(absl::string_view text) {
  return !text.empty() && text.size() <= kLongest &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return absl::ascii_isgraph(c); });
}

absl::string_view CurrentRequestId() { return current; }

RequestIdScope::RequestIdScope(absl::string_view id) { current = id; }
RequestIdScope::~RequestIdScope() { current = {}; }

}  // namespace aziot::log
