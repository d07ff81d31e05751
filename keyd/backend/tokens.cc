#include "keyd/backend/tokens.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace aziot::keyd {
namespace {

namespace v1 = keys::worker::v1;

// As many as a token is worth: a software token computes on both cores of a small device, a network HSM
// answers several at a time.
constexpr int kThreads = 4;

uri::Pkcs11Uri TokenOf(const uri::Pkcs11Uri& uri) {
  uri::Pkcs11Uri token;
  if (uri.slot_id.has_value()) {
    token.slot_id = uri.slot_id;
  } else {
    token.token = uri.token;
  }
  token.manufacturer = uri.manufacturer;
  token.model = uri.model;
  token.serial = uri.serial;
  return token;
}

// One PIN a token: a second one would be a wrong one, and tokens lock themselves after a few of those.
absl::Status TakePin(const uri::Pkcs11Uri& uri, TokenPlan& plan) {
  const bool differs =
      (uri.pin_value.has_value() && plan.pin_value.has_value() && uri.pin_value != plan.pin_value) ||
      (uri.pin_source.has_value() && plan.pin_source.has_value() && uri.pin_source != plan.pin_source);
  if (differs) {
    return absl::InvalidArgumentError(
        absl::StrCat("its PIN is not the one that another URI gives for the ", NameOf(plan)));
  }
  if (uri.pin_value.has_value()) plan.pin_value = uri.pin_value;
  if (uri.pin_source.has_value()) plan.pin_source = uri.pin_source;
  return absl::OkStatus();
}

TokenPlan& PlanOf(const uri::Pkcs11Uri& uri, const std::string& module_path, std::vector<TokenPlan>& plans) {
  const uri::Pkcs11Uri token = TokenOf(uri);
  const auto known =
      std::find_if(plans.begin(), plans.end(), [&](const TokenPlan& plan) { return plan.token == token; });
  if (known != plans.end()) return *known;
  plans.push_back({.module_path = module_path, .token = token});
  return plans.back();
}

}  // namespace

absl::StatusOr<std::vector<TokenPlan>> PlanTokens(const BackendOptions& options) {
  std::vector<TokenPlan> plans;
  if (!options.pkcs11_lib_path.has_value()) return plans;
  if (options.pkcs11_base_slot.has_value()) {
    TokenPlan& plan = PlanOf(*options.pkcs11_base_slot, *options.pkcs11_lib_path, plans);
    plan.creates = true;
    RETURN_IF_ERROR(TakePin(*options.pkcs11_base_slot, plan));
  }
  for (const auto& [id, location] : options.preloaded) {
    const auto* uri = std::get_if<uri::Pkcs11Uri>(&location);
    if (uri == nullptr) continue;
    TokenPlan& plan = PlanOf(*uri, *options.pkcs11_lib_path, plans);
    if (const absl::Status pin = TakePin(*uri, plan); !pin.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("[preloaded_keys] \"", id, "\": ", pin.message()));
    }
    plan.preloaded.emplace(id, *uri);
  }
  return plans;
}

std::string NameOf(const TokenPlan& plan) {
  return plan.token.slot_id.has_value() ? absl::StrCat("token in slot ", *plan.token.slot_id)
                                        : absl::StrCat("token \"", plan.token.token.value_or(""), "\"");
}

worker::RemoteOptions OptionsOf(const TokenPlan& plan) {
  worker::RemoteOptions options{.lane = {Lane::Named(NameOf(plan)), kThreads}};
  options.setup.set_name(NameOf(plan));
  v1::Token& token = *options.setup.mutable_token();
  token.set_module_path(plan.module_path);
  if (plan.token.slot_id.has_value()) token.set_slot_id(*plan.token.slot_id);
  if (plan.token.token.has_value()) token.set_label(*plan.token.token);
  if (plan.token.manufacturer.has_value()) token.set_manufacturer(*plan.token.manufacturer);
  if (plan.token.model.has_value()) token.set_model(*plan.token.model);
  if (plan.token.serial.has_value()) token.set_serial(*plan.token.serial);
  if (plan.pin_value.has_value()) token.set_pin(*plan.pin_value);
  if (plan.pin_source.has_value()) token.set_pin_source(*plan.pin_source);
  token.set_creates(plan.creates);
  for (const auto& [id, uri] : plan.preloaded) {
    v1::TokenObject& object = (*token.mutable_preloaded())[id];
    if (uri.object.has_value()) object.set_label(*uri.object);
    if (uri.id.has_value()) object.set_id(*uri.id);
  }
  return options;
}

}  // namespace aziot::keyd
