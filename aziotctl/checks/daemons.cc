#include "absl/strings/str_cat.h"
#include "aziot/certificates/v1/certificates.pb.h"
#include "aziotctl/checks/checks.h"
#include "common/client/client.h"
#include "common/net/unix_socket.h"
#include "common/openssl/certificate.h"

namespace aziot::ctl {
namespace {

constexpr absl::Duration kConnect = absl::Seconds(5);

Result Running(const CheckContext& context, absl::string_view daemon) {
  const auto connection =
      net::ConnectUnix(context.Rooted(absl::StrCat("/run/aziot/", daemon, ".sock")), kConnect);
  if (connection.ok()) return Result::Ok();
  return Result::Error(absl::StrCat("Could not connect to ", daemon),
                       std::string(connection.status().message()));
}

}  // namespace

Result KeydRunning(CheckContext& context, nlohmann::json&) { return Running(context, "keyd"); }

Result CertdRunning(CheckContext& context, nlohmann::json&) {
  Result result = Running(context, "certd");
  context.certd_runs = result.kind == Result::Kind::kOk;
  return result;
}

Result IdentitydRunning(CheckContext& context, nlohmann::json&) { return Running(context, "identityd"); }

Result CertsRead(CheckContext& context, nlohmann::json&) {
  if (!context.certd.has_value() || !context.certd_runs) return Result::Skipped();
  client::Client certd({.socket = context.Rooted("/run/aziot/certd.sock"), .api_version = "2020-09-01"});
  Result result;
  for (const auto& [id, preloaded] : context.certd->preloaded_certs()) {
    certificates::v1::CertificateId request;
    request.set_id(id);
    const auto answer = certd.Call<certificates::v1::Certificate>(
        "aziot.certificates.v1.Certificates.GetCertificate", request);
    const auto parsed = answer.ok() ? openssl::ParseCertificates(answer->pem()) : answer.status();
    if (parsed.ok()) continue;
    result.kind = Result::Kind::kError;
    result.details.push_back(
        absl::StrCat("could not read certificate ", id, ": ", parsed.status().message()));
  }
  return result;
}

}  // namespace aziot::ctl
