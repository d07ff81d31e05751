#include <openssl/evp.h>

#include <map>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "aziot/certificates/v1/certificates.pb.h"
#include "aziotctl/checks/checks.h"
#include "aziotctl/checks/context.h"
#include "aziotctl/checks/keyd_keys.h"
#include "aziotctl/checks/service_users.h"
#include "common/client/client.h"
#include "common/openssl/certificate.h"
#include "common/status/status_macros.h"
#include "common/uri/uri.h"

namespace aziot::ctl {
namespace {

constexpr int kLeastRsaBits = 2048;

absl::StatusOr<std::vector<openssl::X509Ptr>> ReadCertificates(client::Client& certd, const std::string& id) {
  certificates::v1::CertificateId request;
  request.set_id(id);
  ASSIGN_OR_RETURN(const certificates::v1::Certificate answer,
                   certd.Call<certificates::v1::Certificate>(
                       "aziot.certificates.v1.Certificates.GetCertificate", request));
  ASSIGN_OR_RETURN(std::vector<openssl::X509Ptr> certificates, openssl::ParseCertificates(answer.pem()));
  if (certificates.empty()) return absl::InvalidArgumentError("certd's answer holds no certificate");
  return certificates;
}

client::Client Certd(const CheckContext& context) {
  return client::Client({.socket = context.SocketOf("certd"), .api_version = "2020-09-01", .retries = 0});
}

// "" for a key that is strong enough and that everybody understands.
std::string Weakness(EVP_PKEY& key) {
  if (EVP_PKEY_is_a(&key, "RSA") != 0) {
    const int bits = EVP_PKEY_get_bits(&key);
    return bits >= kLeastRsaBits ? ""
                                 : absl::StrCat("is an RSA key of ", bits, " bits; at least 2048 are needed");
  }
  if (EVP_PKEY_is_a(&key, "EC") == 0) return "is neither an RSA nor an EC key";
  char curve[64] = {};
  EVP_PKEY_get_group_name(&key, curve, sizeof curve, nullptr);
  const absl::string_view name = curve;
  return name == "prime256v1" || name == "P-256"
             ? ""
             : absl::StrCat("is on curve ", name, "; only P-256 is supported");
}

// A file that keyd's user may open; a token is keyd's own business.
absl::Status CheckKeyFile(const std::string& location) {
  ASSIGN_OR_RETURN(const uri::Uri parsed, uri::Parse(location));
  const auto* file = std::get_if<uri::FileUri>(&parsed);
  const auto keyd = FindUserByName("aziotks");
  return file != nullptr && keyd.has_value() ? CheckReadable(file->path, *keyd) : absl::OkStatus();
}

void CheckUrl(const std::string& option, const std::string& url, Findings& findings) {
  if (!absl::StartsWithIgnoreCase(url, "https://"))
    findings.Warn(absl::StrCat(option, ": EST server ", url, " is not reached over HTTPS"));
}

}  // namespace

Result CertsRead(CheckContext& context, nlohmann::json&) {
  if (!context.certd.has_value() || !context.certd_runs) return Result::Skipped();
  client::Client certd = Certd(context);
  Findings findings;
  for (const auto& [id, preloaded] :
       std::map(context.certd->preloaded_certs().begin(), context.certd->preloaded_certs().end())) {
    const auto certificates = ReadCertificates(certd, id);
    if (!certificates.ok())
      findings.Add(
          Result::Error(absl::StrCat("could not read certificate ", id), certificates.status().message()));
  }
  return findings.Total();
}

Result KeyPairsRead(CheckContext& context, nlohmann::json&) {
  if (!context.keyd.has_value() || !context.keyd_runs) return Result::Skipped();
  KeydKeys keys(context.SocketOf("keyd"));
  Findings findings;
  for (const auto& [id, location] :
       std::map(context.keyd->preloaded_keys().begin(), context.keyd->preloaded_keys().end())) {
    if (const absl::Status readable = CheckKeyFile(location); !readable.ok()) {
      findings.Add(Result::Error(absl::StrCat("could not read key ", id), readable.message()));
      continue;
    }
    const auto pair = keys.LoadPair(id);
    if (!pair.ok()) {
      if (keys.IsSymmetric(id)) continue;
      findings.Add(Result::Error(absl::StrCat("could not read key pair ", id), pair.status().message()));
    } else if (const std::string weakness = Weakness(**pair); !weakness.empty()) {
      findings.Warn(absl::StrCat("key pair ", id, " ", weakness));
    }
  }
  return findings.Total();
}

Result EstServerHttps(CheckContext& context, nlohmann::json&) {
  if (!context.certd.has_value() || !context.certd_runs) return Result::Skipped();
  const config::v1::CertIssuance& issuance = context.certd->cert_issuance();
  Findings findings;
  for (const auto& [id, url] : std::map(issuance.est().urls().begin(), issuance.est().urls().end()))
    CheckUrl(absl::StrCat("cert_issuance.est.urls.", id), url, findings);
  for (const auto& [id, entry] : std::map(issuance.entries().begin(), issuance.entries().end())) {
    if (entry.has_url()) CheckUrl(absl::StrCat("cert_issuance.", id, ".url"), entry.url(), findings);
  }
  return findings.Total();
}

Result CertsMatchPrivateKeys(CheckContext& context, nlohmann::json&) {
  if (!context.certd.has_value() || !context.keyd.has_value() || !context.certd_runs || !context.keyd_runs)
    return Result::Skipped();
  client::Client certd = Certd(context);
  KeydKeys keys(context.SocketOf("keyd"));
  Findings findings;
  for (const auto& [id, location] :
       std::map(context.keyd->preloaded_keys().begin(), context.keyd->preloaded_keys().end())) {
    if (!context.certd->preloaded_certs().contains(id)) continue;
    // What cannot be read is the matter of the two checks before this one.
    const auto certificates = ReadCertificates(certd, id);
    const auto pair = keys.LoadPair(id);
    if (!certificates.ok() || !pair.ok()) continue;
    if (EVP_PKEY_eq(X509_get0_pubkey(certificates->front().get()), pair->get()) != 1)
      findings.Error(
          absl::StrCat("preloaded certificate ", id, " does not match the preloaded private key of that id"));
  }
  return findings.Total();
}

}  // namespace aziot::ctl
