#include "keyd/backend/pkcs11/token_backend.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::keyd::pkcs11 {
namespace {

Pin PinOf(TokenOptions& options) {
  return Pin(std::exchange(options.pin_value, std::nullopt), options.pin_source, options.pin_refused_before,
             options.observe_login);
}

}  // namespace

TokenBackend::TokenBackend(TokenOptions options)
    : options_(std::move(options)),
      token_(options_.module_path, options_.token, PinOf(options_)),
      keys_(options_.absence_counts),
      pairs_(options_.absence_counts) {}

Lane TokenBackend::LaneOf(const KeyId&, Operation) const {
  return Lane::Named(absl::StrCat("token:", token_.name()));
}

std::vector<BackendLane> TokenBackend::Lanes() const {
  return {{Lane::Named(absl::StrCat("token:", token_.name())), options_.lane_threads}};
}

absl::StatusOr<ObjectName> TokenBackend::NameOf(const KeyId& id) const {
  if (const auto it = options_.preloaded.find(id.value()); it != options_.preloaded.end()) return it->second;
  if (!options_.creates) return absl::NotFoundError("only preloaded keys lie on this token");
  if (LabelOfAside(id.value()).has_value()) return absl::NotFoundError("no key has such a name");
  return ObjectName{.label = id.value()};
}

absl::StatusOr<ObjectName> TokenBackend::NewNameOf(const KeyId& id) const {
  auto name = NameOf(id);
  if (!name.ok()) return absl::UnimplementedError(name.status().message());
  if (!name->label.has_value() && !name->id.has_value()) name->label = id.value();
  return name;
}

absl::StatusOr<ObjectName> TokenBackend::ExactNameOf(const KeyId& id) const {
  ASSIGN_OR_RETURN(ObjectName name, NameOf(id));
  if (!name.label.has_value() && !name.id.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", id.value(),
                     "\": its pkcs11 URI names no object, so this could hit any; add "
                     "object= or id= to it in [preloaded_keys]"));
  }
  return name;
}

absl::Status TokenBackend::Run(const KeyId& id, absl::FunctionRef<absl::Status(Session&)> body) {
  const absl::Status status = token_.Run(body);
  return status.ok() ? status : Annotate(status, absl::StrCat("key \"", id.value(), "\""));
}

}  // namespace aziot::keyd::pkcs11
