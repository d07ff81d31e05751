// One check of the installation: what it is called, and what it finds.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "aziot/config/v1/certd.pb.h"
#include "aziot/config/v1/identityd.pb.h"
#include "aziot/config/v1/keyd.pb.h"

namespace aziot::ctl {

struct Result {
  enum class Kind { kOk, kIgnored, kSkipped, kWarning, kError, kFatal };
  Kind kind = Kind::kOk;
  std::vector<std::string> details;  // outermost cause first

  static Result Ok() { return {}; }
  // Does not apply here: a success that is not shown.
  static Result Ignored() { return {Kind::kIgnored, {}}; }
  // Cannot be known because an earlier check failed.
  static Result Skipped() { return {Kind::kSkipped, {}}; }
  static Result Warning(std::string text) { return {Kind::kWarning, {std::move(text)}}; }
  static Result Error(std::string text) { return {Kind::kError, {std::move(text)}}; }
  static Result Error(std::string text, std::string cause) {
    return {Kind::kError, {std::move(text), std::move(cause)}};
  }
};

// What the checks of one run share: options, and what earlier checks loaded.
struct CheckContext {
  std::string root;
  std::string iothub_hostname;  // of the switch
  std::string proxy_uri;

  std::optional<config::v1::Keyd> keyd;
  std::optional<config::v1::Certd> certd;
  std::optional<config::v1::Identityd> identityd;
  bool certd_runs = false;

  // The hub's name: the switch, manual provisioning, or what DPS assigned last. Empty: unknown.
  std::string HubName() const;
  std::string Rooted(absl::string_view path) const { return root + std::string(path); }
};

struct Check {
  absl::string_view id;
  absl::string_view description;
  // Members of `additional_info` go into the object given.
  Result (*run)(CheckContext& context, nlohmann::json& additional_info);
};

struct Section {
  absl::string_view name;
  std::vector<Check> checks;
};

}  // namespace aziot::ctl
