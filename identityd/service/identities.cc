// The caller's own identity, and the modules of the device.
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/ids/id.h"
#include "common/rpc/errors.h"
#include "common/status/status_macros.h"
#include "identityd/service/answers.h"
#include "identityd/service/identity_service.h"

namespace aziot::identityd {
namespace {

using identity::v1::Identity;

identity::v1::IdentityList ToList(const DeviceIdentity& device, const std::vector<Module>& modules) {
  identity::v1::IdentityList list;
  for (const Module& module : modules) *list.add_identities() = ToIdentity(device, module);
  return list;
}

template <class Request>
absl::Status CheckType(const Request& request, bool local_too) {
  if (!request.has_type()) return rpc::InvalidParameter("type", "missing parameter");
  if (request.type() == "aziot" || (local_too && request.type() == "local")) return absl::OkStatus();
  return rpc::InvalidParameter("type", absl::StrCat("invalid type: ", request.type()));
}

absl::Status CheckModuleId(absl::string_view id) {
  if (absl::StripAsciiWhitespace(id).empty()) {
    return rpc::InvalidParameter("module_id", "module name cannot be empty");
  }
  if (const auto parsed = ModuleId::Parse(id); !parsed.ok()) {
    return rpc::InvalidParameter("module_id", parsed.status().message());
  }
  return absl::OkStatus();
}

// What hubs take for an id; others would only cost a round trip to be refused.
absl::Status CheckNewModuleId(absl::string_view id) {
  constexpr size_t kLongest = 128;
  RETURN_IF_ERROR(CheckModuleId(id));
  for (const char c : id) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && !absl::StrContains("-:.+%_#*?!(),=@;$'", c)) {
      return rpc::InvalidParameter("module_id", "the hub takes ASCII letters, digits and -:.+%_#*?!(),=@;$'");
    }
  }
  if (id.size() <= kLongest) return absl::OkStatus();
  return rpc::InvalidParameter("module_id", absl::StrCat("the hub takes at most ", kLongest, " characters"));
}

// What the request asks of a local identity; a certificate for clients unless it says otherwise.
absl::StatusOr<bool> ParseServer(const identity::v1::CreateModuleRequest& request) {
  if (!request.has_local_id_opts()) return false;
  const identity::v1::LocalIdOptions& options = request.local_id_opts();
  if (options.type() != "x509") return rpc::Unprocessable("localIdOpts.type: expected x509");
  if (!options.has_attributes() || options.attributes() == "client") return false;
  if (options.attributes() == "server") return true;
  return rpc::Unprocessable("localIdOpts.attributes: expected client or server");
}

}  // namespace

absl::StatusOr<Identity> IdentityService::GetCallerIdentity(const Call& call,
                                                            const identity::v1::GetCallerIdentityRequest&) {
  const auto settings = this->settings();
  const Caller caller = settings->principals.Identify(call.peer);
  if (caller.MayHaveDevice()) return AnswerDevice(call);
  if (caller.kind != CallerKind::kHostProcess || !caller.MayHaveModule(caller.principal->name)) {
    return rpc::NotAuthorized("authorization error");
  }
  const Principal& principal = *caller.principal;
  if (principal.idtypes->module) return AnswerModule(call, principal.name);
  return AnswerLocal(call, *settings, principal.name, principal.local && principal.local->server);
}

absl::StatusOr<identity::v1::IdentityList> IdentityService::ListModules(
    const Call& call, const identity::v1::ListModulesRequest& request) {
  RETURN_IF_ERROR(CheckMayManage(call, *settings()));
  RETURN_IF_ERROR(CheckType(request, /*local_too=*/false));
  if (const DevicePtr device = parts_.lifecycle.Device(); device != nullptr) {
    if (const auto known = parts_.modules.KnownList(*device)) return ToList(*device, *known);
  }
  ASSIGN_OR_RETURN(const DevicePtr device, AwaitDevice(call, HubLane()));
  const absl::StatusOr<std::vector<Module>> modules = parts_.modules.List(*device);
  if (!modules.ok()) return ToAnswer(call, modules.status());
  return ToList(*device, *modules);
}

absl::StatusOr<Identity> IdentityService::CreateModule(const Call& call,
                                                       const identity::v1::CreateModuleRequest& request) {
  const auto settings = this->settings();
  RETURN_IF_ERROR(CheckMayManage(call, *settings));
  if (request.type() == "local") {
    if (settings->principals.FindLocal(request.module_id()) != nullptr) {
      return rpc::InvalidParameter(
          "moduleId", absl::StrCat("local identity for ", request.module_id(), " already exists"));
    }
    ASSIGN_OR_RETURN(const bool server, ParseServer(request));
    return AnswerLocal(call, *settings, request.module_id(), server);
  }
  if (request.type() != "aziot") {
    return rpc::InvalidParameter("type", absl::StrCat("invalid type: ", request.type()));
  }
  RETURN_IF_ERROR(CheckNewModuleId(request.module_id()));
  ASSIGN_OR_RETURN(const DevicePtr device, AwaitDevice(call, HubLane()));
  return Describe(call, *device,
                  parts_.modules.Create(*device, request.module_id(), ModuleIdentities::Existing::kRefuse));
}

absl::StatusOr<Identity> IdentityService::GetModule(const Call& call,
                                                    const identity::v1::ModuleRequest& request) {
  const auto settings = this->settings();
  if (!settings->principals.Identify(call.peer).MayHaveModule(request.id())) {
    return rpc::NotAuthorized("authorization error");
  }
  RETURN_IF_ERROR(CheckType(request, /*local_too=*/true));
  if (request.type() == "local") {
    const Principal* principal = settings->principals.FindLocal(request.id());
    if (principal == nullptr) {
      return rpc::InvalidParameter("moduleId",
                                   absl::StrCat("local identity for ", request.id(), " doesn't exist"));
    }
    return AnswerLocal(call, *settings, request.id(), principal->local && principal->local->server);
  }
  RETURN_IF_ERROR(CheckModuleId(request.id()));
  return AnswerModule(call, request.id());
}

absl::StatusOr<Identity> IdentityService::UpdateModule(const Call& call,
                                                       const identity::v1::ModuleRequest& request) {
  RETURN_IF_ERROR(CheckMayManage(call, *settings()));
  RETURN_IF_ERROR(CheckType(request, /*local_too=*/false));
  RETURN_IF_ERROR(CheckModuleId(request.id()));
  ASSIGN_OR_RETURN(const DevicePtr device, AwaitDevice(call, HubLane()));
  return Describe(call, *device, parts_.modules.Update(*device, request.id()));
}

absl::StatusOr<identity::v1::Done> IdentityService::DeleteModule(const Call& call,
                                                                 const identity::v1::ModuleRequest& request) {
  RETURN_IF_ERROR(CheckMayManage(call, *settings()));
  RETURN_IF_ERROR(CheckType(request, /*local_too=*/false));
  RETURN_IF_ERROR(CheckModuleId(request.id()));
  ASSIGN_OR_RETURN(const DevicePtr device, AwaitDevice(call, HubLane()));
  if (const absl::Status status = parts_.modules.Delete(*device, request.id()); !status.ok()) {
    return ToAnswer(call, status);
  }
  return identity::v1::Done();
}

}  // namespace aziot::identityd
