// Names that were checked have their own type: parsed once at the edge, so no one below asks again whether
// one holds a NUL or broken UTF-8, and a certificate id does not compile where a key id is wanted. Any other
// text is legal, also the empty one and `a/b:c`: an id becomes a file name only through its hash.
#pragma once

#include <compare>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/ids/utf8.h"

namespace aziot {

template <class Tag>
class Id {
 public:
  // kInvalidArgument for a NUL or for what is not UTF-8.
  static absl::StatusOr<Id> Parse(absl::string_view text) {
    if (text.find('\0') != absl::string_view::npos || !IsUtf8(text)) {
      return absl::InvalidArgumentError(absl::StrCat(Tag::kName, ": must be UTF-8 without NUL"));
    }
    return Id(std::string(text));
  }
  const std::string& value() const { return value_; }
  friend auto operator<=>(const Id&, const Id&) = default;
  template <class H>
  friend H AbslHashValue(H h, const Id& id) {
    return H::combine(std::move(h), id.value_);
  }

 private:
  explicit Id(std::string value) : value_(std::move(value)) {}
  std::string value_;
};

struct KeyTag {
  static constexpr absl::string_view kName = "key id";
};
struct CertTag {
  static constexpr absl::string_view kName = "certificate id";
};
struct ModuleTag {
  static constexpr absl::string_view kName = "module id";
};
using KeyId = Id<KeyTag>;
using CertId = Id<CertTag>;
using ModuleId = Id<ModuleTag>;

}  // namespace aziot
