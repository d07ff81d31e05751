#include "tests/wire/typed_call.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "aziot/certificates/v1/certificates.pb.h"
#include "aziot/identity/v1/identity.pb.h"
#include "aziot/keys/v1/keys.pb.h"
#include "aziot/tpm/v1/tpm.pb.h"
#include "common/http/target.h"
#include "common/rpc/rest_rule.h"
#include "common/rpc/transcode.h"
#include "common/status/status_macros.h"

namespace aziot::tests {
namespace {

using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

std::unique_ptr<Message> New(const google::protobuf::Descriptor* type) {
  return std::unique_ptr<Message>(MessageFactory::generated_factory()->GetPrototype(type)->New());
}

const std::vector<std::pair<absl::string_view, const ServiceDescriptor*>>& Services() {
  static const auto* services = new std::vector<std::pair<absl::string_view, const ServiceDescriptor*>>{
      {"keys", keys::v1::KeyHandle::descriptor()->file()->service(0)},
      {"certificates", certificates::v1::Certificate::descriptor()->file()->service(0)},
      {"identity", identity::v1::Identity::descriptor()->file()->service(0)},
      {"tpm", ::aziot::tpm::v1::TpmKeys::descriptor()->file()->service(0)},
  };
  return *services;
}

bool Fits(const rpc::RestRule& rule, const std::vector<absl::string_view>& segments) {
  return std::equal(rule.path.begin(), rule.path.end(), segments.begin(), segments.end(),
                    [](const rpc::PathSegment& own, absl::string_view text) {
                      return own.field == nullptr ? own.literal == text : !text.empty();
                    });
}

}  // namespace

std::string TypedCall::path() const {
  return absl::StrCat("/", method->service()->full_name(), "/", method->name());
}

absl::StatusOr<std::string> TypedCall::ReplyJson(const std::string& payload) const {
  const std::unique_ptr<Message> reply = New(method->output_type());
  if (!reply->ParseFromString(payload)) {
    return absl::InvalidArgumentError(absl::StrCat("the reply is no ", method->output_type()->full_name()));
  }
  return rpc::WriteJson(*reply);
}

const ServiceDescriptor* ServiceOf(absl::string_view folder) {
  for (const auto& [name, service] : Services()) {
    if (name == folder) return service;
  }
  return nullptr;
}

absl::StatusOr<TypedCall> FromRest(absl::string_view verb, absl::string_view target, absl::string_view body) {
  const http::Target parts = http::ParseTarget(target);
  const std::vector<absl::string_view> segments =
      absl::StrSplit(absl::string_view(parts.path).substr(1), '/');
  // A path may fit two rules (`/identities/modules/{id}` and a literal one): literals come first.
  std::optional<rpc::RestRule> found;
  for (const auto& [name, service] : Services()) {
    for (int i = 0; i < service->method_count(); ++i) {
      std::optional<rpc::RestRule> rule = rpc::RestRuleOf(service->method(i));
      if (!rule || rule->verb != verb || !Fits(*rule, segments)) continue;
      if (!found || rule->given.size() < found->given.size()) found = std::move(rule);
    }
  }
  if (!found) return absl::NotFoundError(absl::StrCat("no rpc answers ", verb, " ", parts.path));

  TypedCall call{.method = found->method, .request = New(found->method->input_type())};
  const auto& reflection = *call.request->GetReflection();
  const bool reads_body = found->body == api::v1::BODY_REQUIRED || found->body == api::v1::BODY_OPTIONAL;
  if (reads_body) RETURN_IF_ERROR(rpc::ReadJson(body, found->given, *call.request));
  for (size_t i = 0; i < segments.size(); ++i) {
    const auto* field = found->path[i].field;
    if (field != nullptr) {
      reflection.SetString(call.request.get(), field, http::PercentDecode(segments[i]));
    }
  }
  for (const auto* field : found->query) {
    const std::string* value = parts.First(field->json_name());
    if (value != nullptr) reflection.SetString(call.request.get(), field, *value);
  }
  return call;
}

absl::StatusOr<TypedCall> FromName(absl::string_view name, const std::string& json) {
  const MethodDescriptor* method = google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(
      absl::StrReplaceAll(name, {{"/", "."}}));
  if (method == nullptr) return absl::NotFoundError(absl::StrCat("no rpc ", name));
  TypedCall call{.method = method, .request = New(method->input_type())};
  const auto read =
      google::protobuf::util::JsonStringToMessage(json.empty() ? "{}" : json, call.request.get());
  if (!read.ok()) return absl::InvalidArgumentError(std::string(read.message()));
  return call;
}

}  // namespace aziot::tests
