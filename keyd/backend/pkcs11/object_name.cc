#include "keyd/backend/pkcs11/object_name.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/openssl/digest.h"

namespace aziot::keyd::pkcs11 {
namespace {

constexpr absl::string_view kMagic = "azk1";
constexpr size_t kNumberBytes = 8;
constexpr size_t kRandomBytes = 8;
// Nobody gives a key such a name.
constexpr absl::string_view kAsideSuffix = " \xE2\x86\x90 aziot-keyd: being replaced";

}  // namespace

Bytes NewMarker(uint64_t at_least) {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  const uint64_t now = std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count();
  const uint64_t number = std::max(now, at_least);
  Bytes marker = ToBytes(kMagic);
  for (size_t i = kNumberBytes; i-- > 0;) marker.push_back(static_cast<uint8_t>(number >> (8 * i)));
  const Bytes random = openssl::RandomBytes(kRandomBytes);
  marker.insert(marker.end(), random.begin(), random.end());
  return marker;
}

std::optional<uint64_t> NumberOfMarker(BytesView id) {
  if (id.size() != kMagic.size() + kNumberBytes + kRandomBytes || !absl::StartsWith(ToText(id), kMagic)) {
    return std::nullopt;
  }
  uint64_t number = 0;
  for (size_t i = 0; i < kNumberBytes; ++i) number = number << 8 | id[kMagic.size() + i];
  return number;
}

std::string LockOf(const ObjectName& name) {
  return name.label.has_value() ? absl::StrCat("label ", *name.label)
                                : absl::StrCat("id ", name.id.value_or(""));
}

std::string AsideLabel(absl::string_view label) { return absl::StrCat(label, kAsideSuffix); }

std::optional<std::string> LabelOfAside(absl::string_view aside) {
  if (!absl::EndsWith(aside, kAsideSuffix)) return std::nullopt;
  aside.remove_suffix(kAsideSuffix.size());
  return std::string(aside);
}

}  // namespace aziot::keyd::pkcs11
