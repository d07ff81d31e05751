// A source or a method that this version does not have: the daemon serves, and each attempt to provision says
// what is missing.
#pragma once

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "identityd/provisioning/provisioning_source.h"

namespace aziot::identityd {

class UnsupportedSource final : public ProvisioningSource {
 public:
  // `key` is the option, `value` what it was set to.
  UnsupportedSource(absl::string_view key, absl::string_view value)
      : text_(absl::StrCat(key, " = \"", value, "\" is not supported yet")) {}

  std::string fingerprint() const override { return text_; }
  Credential credential() const override { return {}; }
  absl::StatusOr<Assignment> Provision() override { return absl::UnimplementedError(text_); }

 private:
  const std::string text_;
};

}  // namespace aziot::identityd
