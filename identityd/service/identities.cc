// The caller's own identity, and the modules of the device.
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/ids/id.h"
#include "common/rpc/errors.h"
#include "common/status/status_macros.h"
#include "identityd/service/answers.h"
#include "identityd/service/identity_service.h"

namespace aziot::identityd {
namespace {

using identity::v1::Identity;

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
  ASSIGN_OR_RETURN(const DevicePtr device, AwaitDevice(call));
  const absl::StatusOr<std::vector<Module>> modules = parts_.modules.List(*device);
  if (!modules.ok()) return ToAnswer(modules.status());
  identity::v1::IdentityList list;
  for (const Module& module : *modules) *list.add_identities() = ToIdentity(*device, module);
  return list;
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
  RETURN_IF_ERROR(CheckModuleId(request.module_id()));
  ASSIGN_OR_RETURN(const DevicePtr device, AwaitDevice(call));
  return Describe(*device,
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
  ASSIGN_OR_RETURN(const DevicePtr device, AwaitDevice(call));
  return Describe(*device, parts_.modules.Update(*device, request.id()));
}

absl::StatusOr<identity::v1::Done> IdentityService::DeleteModule(const Call& call,
                                                                 const identity::v1::ModuleRequest& request) {
  RETURN_IF_ERROR(CheckMayManage(call, *settings()));
  RETURN_IF_ERROR(CheckType(request, /*local_too=*/false));
  RETURN_IF_ERROR(CheckModuleId(request.id()));
  ASSIGN_OR_RETURN(const DevicePtr device, AwaitDevice(call));
  if (const absl::Status status = parts_.modules.Delete(*device, request.id()); !status.ok()) {
    return ToAnswer(status);
  }
  return identity::v1::Done();
}

}  // namespace aziot::identityd
