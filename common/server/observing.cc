#include "common/server/observing.h"

#include "common/http/target.h"
#include "common/rpc/errors.h"
#include "common/rpc/openapi.h"
#include "common/rpc/rest.h"

namespace aziot::server {
namespace {

http::Response Json(absl::string_view body) {
  http::Response response{.status = 200, .body = std::string(body)};
  response.headers.Add("content-type", "application/json");
  return response;
}

}  // namespace

std::optional<http::Response> Observing::Answer(const http::Request& request) const {
  if (request.method != "GET") return std::nullopt;
  const std::string path = http::ParseTarget(request.target).path;
  if (path == "/live") return Json(R"({"live":true})");
  if (path == "/ready") {
    const absl::Status status = ready_();
    return status.ok() ? Json(R"({"ready":true})") : rpc::RestApi::FormatError(rpc::Busy(status.message()));
  }
  if (path == "/openapi.json") return Json(OpenApi());
  if (path == "/metrics") {
    http::Response response{.status = 200, .body = metrics_.Write()};
    response.headers.Add("content-type", metrics::Registry::kContentType);
    return response;
  }
  return std::nullopt;
}

const std::string& Observing::OpenApi() const {
  std::call_once(made_, [this] { open_api_ = rpc::OpenApiOf(dispatcher_, name_, AZIOT_VERSION); });
  return open_api_;
}

}  // namespace aziot::server
