#include "provisiond/auth/access_policies.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/openssl/digest.h"
#include "common/status/status_macros.h"
#include "provisiond/store/row_id.h"

namespace aziot::provisiond::auth {
namespace {

constexpr size_t kPolicyKeySize = 32;

struct Default {
  absl::string_view family, name, permissions;
};
constexpr Default kDefaults[] = {
    {"dps", "provisioningserviceowner",
     "ServiceConfig EnrollmentRead EnrollmentWrite RegistrationStatusRead RegistrationStatusWrite"},
    {"hub", "iothubowner", "RegistryRead RegistryWrite ServiceConnect DeviceConnect"},
    {"hub", "service", "ServiceConnect"},
    {"hub", "device", "DeviceConnect"},
    {"hub", "registryRead", "RegistryRead"},
    {"hub", "registryReadWrite", "RegistryRead RegistryWrite"},
};

store::Place PlaceOf(const store::Policy& policy, absl::string_view column) {
  return {"shared_access_policy", column, policy.id};
}

}  // namespace

absl::Status AccessPolicies::MakeDefaults() {
  return database_.Write([&](store::Session& session) -> absl::Status {
    for (const Default& row : kDefaults) {
      ASSIGN_OR_RETURN(const auto found, store::FindPolicy(session, row.family, row.name));
      if (found) {
        RETURN_IF_ERROR(Open(*found, "primary_enc", found->primary_enc).status());
        continue;
      }
      store::Policy policy{store::NewRowId(),
                           std::string(row.family),
                           std::string(row.name),
                           std::string(row.permissions),
                           {},
                           {}};
      policy.primary_enc = vault_.Seal(PlaceOf(policy, "primary_enc"), openssl::RandomSecret(kPolicyKeySize));
      policy.secondary_enc =
          vault_.Seal(PlaceOf(policy, "secondary_enc"), openssl::RandomSecret(kPolicyKeySize));
      RETURN_IF_ERROR(store::InsertPolicy(session, policy));
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<Secret> AccessPolicies::Open(const store::Policy& policy, absl::string_view column,
                                            const Bytes& sealed) {
  return vault_.Open(PlaceOf(policy, column), sealed);
}

absl::Status AccessPolicies::Check(absl::string_view family, const SasToken& token,
                                   const std::vector<std::vector<std::string>>& resources,
                                   absl::string_view permission) {
  std::optional<store::Policy> policy;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(policy, store::FindPolicy(session, family, token.key_name));
    return absl::OkStatus();
  }));
  if (!policy) return absl::UnauthenticatedError("no such policy");
  ASSIGN_OR_RETURN(const Secret primary, Open(*policy, "primary_enc", policy->primary_enc));
  ASSIGN_OR_RETURN(const Secret secondary, Open(*policy, "secondary_enc", policy->secondary_enc));
  if (!SignedByEither(token, primary.Expose(), secondary.Expose())) {
    return absl::UnauthenticatedError("the signature does not match");
  }
  if (std::none_of(resources.begin(), resources.end(), [&](const std::vector<std::string>& resource) {
        return Covers(token, resource, Scope::kPrefix);
      })) {
    return absl::UnauthenticatedError("the token is for another resource");
  }
  const std::vector<absl::string_view> words = absl::StrSplit(policy->permissions, ' ');
  if (std::find(words.begin(), words.end(), permission) == words.end()) {
    return absl::PermissionDeniedError(absl::StrCat("policy ", policy->name, " lacks ", permission));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<store::Policy>> AccessPolicies::List() {
  std::vector<store::Policy> policies;
  RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(policies, store::ListPolicies(session));
    return absl::OkStatus();
  }));
  return policies;
}

absl::StatusOr<Secret> AccessPolicies::PrimaryKey(absl::string_view name) {
  ASSIGN_OR_RETURN(const std::vector<store::Policy> policies, List());
  for (const store::Policy& policy : policies) {
    if (policy.name == name) return Open(policy, "primary_enc", policy.primary_enc);
  }
  return absl::NotFoundError(absl::StrCat("no policy named ", name));
}

}  // namespace aziot::provisiond::auth
