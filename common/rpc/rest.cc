#include "common/rpc/rest.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/http/target.h"
#include "common/ids/utf8.h"
#include "common/log/log.h"
#include "common/rpc/error_code.h"
#include "common/rpc/errors.h"
#include "common/rpc/rest_rule.h"
#include "common/rpc/transcode.h"
#include "common/rpc/wire_status.h"

namespace aziot::rpc {
namespace {

using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::ServiceDescriptor;

constexpr std::array<absl::string_view, 4> kVerbs = {"GET", "POST", "PUT", "DELETE"};
constexpr size_t kGet = 0;
constexpr size_t kPut = 2;

std::optional<size_t> VerbOf(absl::string_view method) {
  const auto* found = std::find(kVerbs.begin(), kVerbs.end(), method);
  if (found == kVerbs.end()) return std::nullopt;
  return static_cast<size_t>(found - kVerbs.begin());
}

// The text before any `;`, trimmed, is `application/json`. Absent, or not visible ASCII, counts as JSON too.
bool IsJsonContent(const http::Headers& headers) {
  const std::string* value = headers.Find("content-type");
  if (value == nullptr) return true;
  for (const char c : *value) {
    if (c != '\t' && (c < 0x20 || c > 0x7e)) return true;
  }
  const absl::string_view text(*value);
  return absl::StripAsciiWhitespace(text.substr(0, text.find(';'))) == "application/json";
}

// What the verb makes of the body: its JSON text, or nothing.
absl::StatusOr<std::optional<absl::string_view>> BodyOf(const http::Request& request, size_t verb) {
  std::optional<absl::string_view> body;
  if (verb == kGet) return body;
  const bool is_json = IsJsonContent(request.headers);
  if (verb == kPut && !is_json) return RequestRefused(415);
  if (verb == kPut || (is_json && !request.body.empty())) body = request.body;
  return body;
}

absl::Status CheckBody(absl::string_view json) {
  const absl::Status status = CheckJson(json);
  return status.ok() ? status : Unprocessable(status.message());
}

http::Response JsonResponse(int status, std::string body) {
  http::Response response{.status = status};
  response.headers.Add("content-type", "application/json");
  response.body = std::move(body);
  return response;
}

}  // namespace

struct RestApi::Route {
  struct Rpc {
    RestRule rule;
    const Message* prototype = nullptr;
  };

  std::vector<PathSegment> path;
  std::array<std::optional<Rpc>, kVerbs.size()> verbs;

  size_t literals() const {
    return static_cast<size_t>(
        std::count_if(path.begin(), path.end(), [](const auto& s) { return s.field == nullptr; }));
  }
  bool KnownTo(absl::string_view version) const {
    return std::any_of(verbs.begin(), verbs.end(),
                       [&](const auto& rpc) { return rpc && Knows(*rpc, version); });
  }
  static bool Knows(const Rpc& rpc, absl::string_view version) {
    return std::find(rpc.rule.versions.begin(), rpc.rule.versions.end(), version) != rpc.rule.versions.end();
  }
  // `segments` are still encoded; a parameter is any one that is not empty.
  bool Matches(const std::vector<absl::string_view>& segments) const {
    return path.size() == segments.size() && std::equal(path.begin(), path.end(), segments.begin(),
                                                        [](const PathSegment& own, absl::string_view text) {
                                                          return own.field == nullptr ? own.literal == text
                                                                                      : !text.empty();
                                                        });
  }
};

struct RestApi::Table {
  std::vector<std::string> versions;
  std::vector<Route> routes;  // those with more literal segments first

  void Add(const google::protobuf::MethodDescriptor* method) {
    std::optional<RestRule> rule = RestRuleOf(method);
    if (!rule.has_value()) return;
    for (const std::string& version : rule->versions) {
      if (std::find(versions.begin(), versions.end(), version) == versions.end()) versions.push_back(version);
    }
    const std::optional<size_t> verb = VerbOf(rule->verb);
    auto route =
        std::find_if(routes.begin(), routes.end(), [&](const Route& r) { return r.path == rule->path; });
    if (route == routes.end()) route = routes.insert(route, Route{.path = rule->path});
    if (!verb.has_value() || route->verbs[*verb].has_value()) {
      log::Error("REST rule of {}: no such verb, or the path has it already", method->full_name());
      std::abort();
    }
    const Message* prototype = MessageFactory::generated_factory()->GetPrototype(method->input_type());
    route->verbs[*verb] = Route::Rpc{.rule = *std::move(rule), .prototype = prototype};
  }

  const Route* Find(absl::string_view path, absl::string_view version,
                    std::vector<absl::string_view>& segments) const {
    segments.reserve(4);
    for (path.remove_prefix(1);;) {
      const size_t end = path.find('/');
      segments.push_back(path.substr(0, end));
      if (end == absl::string_view::npos) break;
      path.remove_prefix(end + 1);
    }
    for (const Route& route : routes) {
      if (route.Matches(segments) && route.KnownTo(version)) return &route;
    }
    return nullptr;
  }
};

RestApi::RestApi(const Dispatcher& dispatcher) {
  auto table = std::make_unique<Table>();
  for (const ServiceDescriptor* service : dispatcher.services()) {
    for (int i = 0; i < service->method_count(); ++i) {
      if (dispatcher.Find(service->method(i)) != nullptr) table->Add(service->method(i));
    }
  }
  std::stable_sort(table->routes.begin(), table->routes.end(),
                   [](const Route& a, const Route& b) { return a.literals() > b.literals(); });
  table_ = std::move(table);
}

RestApi::~RestApi() = default;

absl::StatusOr<RestCall> RestApi::Parse(const http::Request& request) const {
  const http::Target target = http::ParseTarget(request.target);
  const std::string* version = target.Last("api-version");
  if (version == nullptr) return BadRequest("api-version not specified");
  if (std::find(table_->versions.begin(), table_->versions.end(), *version) == table_->versions.end()) {
    return BadRequest(absl::StrCat("invalid api-version \"", *version, "\""));
  }

  std::vector<absl::string_view> segments;
  const Route* route = table_->Find(target.path, *version, segments);
  if (route == nullptr) return NoRoute();
  std::vector<std::string> decoded(segments.size());
  for (size_t i = 0; i < segments.size(); ++i) {
    if (route->path[i].field == nullptr) continue;
    decoded[i] = http::PercentDecode(segments[i]);
    if (!IsUtf8(decoded[i])) return NoRoute();
  }

  const std::optional<size_t> verb = VerbOf(request.method);
  if (!verb.has_value()) return BadRequest("method not allowed");
  ASSIGN_OR_RETURN(const std::optional<absl::string_view> body, BodyOf(request, *verb));
  const std::optional<Route::Rpc>& rpc = route->verbs[*verb];
  if (!rpc.has_value() || !Route::Knows(*rpc, *version)) {
    if (body.has_value()) RETURN_IF_ERROR(CheckBody(*body));
    return BadRequest("method not allowed");
  }

  const RestRule& rule = rpc->rule;
  RestCall call{.method = rule.method,
                .request = std::unique_ptr<Message>(rpc->prototype->New()),
                .api_version = *version,
                .success = rule.success};
  const bool is_read = rule.body == api::v1::BODY_REQUIRED || rule.body == api::v1::BODY_OPTIONAL;
  if (!body.has_value()) {
    if (rule.body == api::v1::BODY_REQUIRED) return BadRequest("missing request body");
  } else if (!is_read) {
    RETURN_IF_ERROR(CheckBody(*body));
  } else if (const absl::Status read = ReadJson(*body, rule.given, *call.request); !read.ok()) {
    return Unprocessable(read.message());
  }

  const auto& reflection = *call.request->GetReflection();
  for (size_t i = 0; i < segments.size(); ++i) {
    const auto* field = rule.path[i].field;
    if (field != nullptr) reflection.SetString(call.request.get(), field, std::move(decoded[i]));
  }
  for (const auto* field : rule.query) {
    const std::string* value = target.First(field->json_name());
    if (value == nullptr) continue;
    if (!IsUtf8(*value)) return InvalidParameter(field->json_name(), "must be UTF-8");
    reflection.SetString(call.request.get(), field, *value);
  }
  return call;
}

http::Response RestApi::FormatReply(const RestCall& call, const Message& reply) {
  if (call.success == 204) return http::Response{.status = 204};
  return JsonResponse(call.success, WriteJson(reply));
}

http::Response RestApi::FormatError(const absl::Status& status) {
  const WireStatus wire = ToWire(status);
  std::string body = "{\"message\":";
  AppendJsonString(wire.message, body);
  if (const std::string code = ErrorCodeOf(status); !code.empty()) {
    body += ",\"code\":";
    AppendJsonString(code, body);
  }
  body += "}";
  return JsonResponse(wire.http, std::move(body));
}

}  // namespace aziot::rpc
