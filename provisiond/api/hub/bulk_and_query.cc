#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status/status_macros.h"
#include "provisiond/api/family.h"
#include "provisiond/api/hub/hub_api.h"
#include "provisiond/api/hub/hub_error.h"
#include "provisiond/api/hub/identity_json.h"
#include "provisiond/lifecycle/fault.h"

namespace aziot::provisiond::api::hub {
namespace {

constexpr size_t kMostInBulk = 100;

enum class Selection { kDevices, kModules, kCount };

struct Statement {
  Selection selection;
  std::string count_name;
};

absl::StatusOr<Statement> ParseStatement(absl::string_view text) {
  const std::vector<std::string> words = absl::StrSplit(text, absl::ByAnyChar(" \t\r\n"), absl::SkipEmpty());
  const auto is = [&](size_t i, absl::string_view word) {
    return i < words.size() && absl::EqualsIgnoreCase(words[i], word);
  };
  Statement query{Selection::kDevices, ""};
  size_t next = 0;
  if (is(0, "select") && is(1, "*")) {
    next = 2;
  } else if (is(0, "select") && is(1, "count()") && is(2, "as") && words.size() > 3) {
    query = {Selection::kCount, words[3]};
    next = 4;
  }
  if (next != 0 && is(next, "from")) {
    if (next + 2 < words.size() && is(next + 2, "where")) {
      return Refuse(Fault::kNotSupported, "WHERE in queries is not supported yet");
    }
    if (next + 2 == words.size()) {
      if (is(next + 1, "devices")) return query;
      if (is(next + 1, "devices.modules") && query.selection == Selection::kDevices) {
        return Statement{Selection::kModules, ""};
      }
    }
  }
  return Refuse(Fault::kInvalid, "the query is not understood");
}

}  // namespace

absl::Status HubApi::BulkItem(const Json& item, const store::Hub& hub, const Actor& actor) {
  if (!item.is_object()) return Refuse(Fault::kInvalid, "an item must be a JSON object");
  ASSIGN_OR_RETURN(const auto id, TextMember(item, "id"));
  if (!id) return Refuse(Fault::kInvalid, "member 'id' is missing");
  ASSIGN_OR_RETURN(const auto module_id, TextMember(item, "moduleId"));
  ASSIGN_OR_RETURN(const auto mode_text, TextMember(item, "importMode"));
  std::string mode = absl::AsciiStrToLower(mode_text.value_or("createOrUpdate"));
  ASSIGN_OR_RETURN(auto etag, TextMember(item, "eTag"));
  if (!etag) {
    ASSIGN_OR_RETURN(etag, TextMember(item, "etag"));
  }
  IfMatch if_match;
  if (absl::EndsWith(mode, "ifmatchetag")) {
    mode.resize(mode.size() - 11);
    if (mode == "create") return Refuse(Fault::kInvalid, "member 'importMode' is unknown");
    if_match = etag.value_or("");
  }
  if (mode == "updatetwin") {
    ASSIGN_OR_RETURN(const store::Device device, registry_.GetDevice(hub.id, *id));
    ASSIGN_OR_RETURN(const auto twin_etag, TextMember(item, "twinETag"));
    std::string owner = device.id;
    if (module_id) {
      ASSIGN_OR_RETURN(const store::Module module, registry_.GetModule(device, *module_id));
      owner = module.id;
    }
    return twins_
        .Change(owner, TwinChange::kPatch, item, if_match ? IfMatch(twin_etag.value_or("")) : if_match, *id,
                actor)
        .status();
  }
  if (mode != "create" && mode != "update" && mode != "delete" && mode != "createorupdate") {
    return Refuse(Fault::kInvalid, "member 'importMode' is unknown");
  }
  if (module_id) {
    ASSIGN_OR_RETURN(const store::Device device, registry_.GetDevice(hub.id, *id));
    if (mode == "delete") return registry_.DeleteModule(device, *module_id, if_match, actor);
    ASSIGN_OR_RETURN(ModuleWish wish, ParseModule(*id, *module_id, item));
    const bool exists = registry_.GetModule(device, *module_id).ok();
    if (mode == "create" || (mode == "createorupdate" && !exists)) {
      return registry_.CreateModule(device, std::move(wish), actor).status();
    }
    return registry_.UpdateModule(device, std::move(wish), if_match, actor).status();
  }
  if (mode == "delete") return registry_.DeleteDevice(hub.id, *id, if_match, actor);
  ASSIGN_OR_RETURN(DeviceWish wish, ParseDevice(*id, item));
  const bool exists = registry_.GetDevice(hub.id, *id).ok();
  if (mode == "create" || (mode == "createorupdate" && !exists)) {
    return registry_.CreateDevice(hub.id, std::move(wish), actor).status();
  }
  return registry_.UpdateDevice(hub.id, std::move(wish), if_match, actor).status();
}

absl::StatusOr<http::Response> HubApi::Bulk(const Call& call, const store::Hub& hub) {
  ASSIGN_OR_RETURN(const Actor actor, access_.Service(call, hub, "RegistryWrite"));
  RETURN_IF_ERROR(CheckBody(call, kLargestJson));
  ASSIGN_OR_RETURN(const Json items, ParseJson(call.body));
  if (!items.is_array()) return Refuse(Fault::kInvalid, "the body must be a JSON array");
  if (items.size() > kMostInBulk)
    return Refuse(Fault::kInvalid, absl::StrCat("at most ", kMostInBulk, " devices"));
  Json errors = Json::array();
  for (const Json& item : items) {
    const absl::Status status = BulkItem(item, hub, actor);
    if (status.ok()) continue;
    const auto id = item.is_object() ? TextMember(item, "id") : std::optional<std::string>();
    errors.push_back({{"deviceId", id.ok() ? id->value_or("") : ""},
                      {"errorCode", NameOf(status).code},
                      {"errorStatus", FaultOf(status) ? std::string(status.message()) : "Internal error"}});
  }
  return JsonResponse(errors.empty() ? 200 : 400,
                      {{"isSuccessful", errors.empty()}, {"errors", errors}, {"warnings", Json::array()}});
}

absl::StatusOr<http::Response> HubApi::Query(const Call& call, const store::Hub& hub) {
  RETURN_IF_ERROR(access_.Service(call, hub, "RegistryRead").status());
  RETURN_IF_ERROR(CheckBody(call, kLargestJson));
  ASSIGN_OR_RETURN(const Json body, ParseObject(call.body));
  ASSIGN_OR_RETURN(const auto text, TextMember(body, "query"));
  ASSIGN_OR_RETURN(const auto query, ParseStatement(text.value_or("")));
  ASSIGN_OR_RETURN(const int64_t size, PageSize(call.headers.Find("x-ms-max-item-count")));
  ASSIGN_OR_RETURN(const std::string after, ContinuationOf(call));

  Json list = Json::array();
  if (query.selection == Selection::kCount) {
    ASSIGN_OR_RETURN(const store::DeviceCount count, registry_.CountDevices(hub.id));
    list.push_back({{query.count_name, count.total}});
    http::Response response = JsonResponse(200, list);
    AddPaging(response, "", 1, "raw");
    return response;
  }
  ASSIGN_OR_RETURN(const std::vector<store::Device> devices, registry_.ListDevices(hub.id, after, size));
  size_t done = 0;
  // Modules of whole devices until the page is full: it may be passed by one device's modules.
  for (; done < devices.size() && list.size() < static_cast<size_t>(size); ++done) {
    const store::Device& device = devices[done];
    if (query.selection == Selection::kDevices) {
      ASSIGN_OR_RETURN(const store::Twin twin, twins_.Get(device.id));
      ASSIGN_OR_RETURN(Json json, FormatTwin(device, nullptr, twin));
      list.push_back(std::move(json));
      continue;
    }
    ASSIGN_OR_RETURN(const std::vector<store::Module> modules, registry_.ListModules(device));
    for (const store::Module& module : modules) {
      ASSIGN_OR_RETURN(const store::Twin twin, twins_.Get(module.id));
      ASSIGN_OR_RETURN(Json json, FormatTwin(device, &module, twin));
      list.push_back(std::move(json));
    }
  }
  http::Response response = JsonResponse(200, list);
  const bool more = done < devices.size() || static_cast<int64_t>(devices.size()) == size;
  AddPaging(response, more ? devices[done - 1].device_id : "", list.size(), "twin");
  return response;
}

}  // namespace aziot::provisiond::api::hub
