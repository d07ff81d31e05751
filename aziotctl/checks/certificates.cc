#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "aziotctl/checks/checks.h"
#include "aziotctl/checks/context.h"
#include "aziotctl/checks/service_users.h"
#include "common/files/files.h"
#include "common/openssl/certificate.h"
#include "common/openssl/hashed_name.h"
#include "common/uri/uri.h"

namespace aziot::ctl {
namespace {

namespace v1 = config::v1;

constexpr absl::Duration kSoon = absl::Hours(24 * 7);

struct Named {
  std::string name;  // as people call it
  std::string id;
};

// The dates of the first certificate in a file.
Result CheckDates(const Named& certificate, const std::string& path, nlohmann::json& info) {
  const std::string what = absl::StrCat(certificate.name, " ", certificate.id);
  const auto pem = files::Read(path);
  if (!pem.ok()) return Result::Error(absl::StrCat("could not read ", what), pem.status().message());
  const auto certificates = openssl::ParseCertificates(*pem);
  if (!certificates.ok() || certificates->empty())
    return Result::Error(absl::StrCat(what, ": ", path, " holds no readable certificate"));
  const absl::Time begin = openssl::NotBefore(*certificates->front());
  const absl::Time end = openssl::NotAfter(*certificates->front());
  const auto text = [](absl::Time time) {
    return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
  };
  info = {{"cert_name", certificate.name},
          {"cert_id", certificate.id},
          {"not_after", text(end)},
          {"not_before", text(begin)}};
  const absl::Time now = absl::Now();
  if (now < begin) return Result::Error(absl::StrCat(what, " is not valid before ", text(begin)));
  if (now > end) return Result::Error(absl::StrCat(what, " expired at ", text(end)));
  if (end - now < kSoon) return Result::Warning(absl::StrCat(what, " will expire soon, at ", text(end)));
  return Result::Ok();
}

// A preloaded certificate: a file that certd may read, with good dates.
Result CheckLocation(const Named& certificate, const std::string& location, nlohmann::json& info) {
  const auto file = uri::ParseFile(location);
  if (!file.ok())
    return Result::Error(absl::StrCat(certificate.name, " ", certificate.id), file.status().message());
  if (const auto certd = FindUserByName("aziotcs"); certd.has_value()) {
    if (const absl::Status readable = CheckReadable(file->path, *certd); !readable.ok())
      return Result::Error(absl::StrCat(certificate.name, " ", certificate.id), readable.message());
  }
  return CheckDates(certificate, file->path, info);
}

// Where certd keeps what it issued.
std::string IssuedFile(const v1::Certd& certd, const std::string& id) {
  return absl::StrCat(certd.homedir_path(), "/certs/", openssl::HashedName(id), ".cer");
}

// The locations an id stands for; of a list, those of all its ids.
void Collect(const v1::Certd& certd, const std::string& id, std::set<std::string>& seen,
             std::map<std::string, std::string>& locations) {
  const auto found = certd.preloaded_certs().find(id);
  if (!seen.insert(id).second || found == certd.preloaded_certs().end()) return;
  if (!found->second.uri().empty()) locations[id] = found->second.uri();
  for (const std::string& element : found->second.ids()) Collect(certd, element, seen, locations);
}

// `issued`: certd makes this certificate itself when it is first needed.
Result CheckCertificate(const v1::Certd& certd, const Named& certificate, bool issued, nlohmann::json& info) {
  if (certd.preloaded_certs().contains(certificate.id)) {
    std::set<std::string> seen;
    std::map<std::string, std::string> locations;
    Collect(certd, certificate.id, seen, locations);
    Findings findings;
    for (const auto& [id, location] : locations)
      findings.Add(CheckLocation({certificate.name, id}, location, info));
    return findings.Total();
  }
  if (!issued && !certd.cert_issuance().entries().contains(certificate.id)) {
    return Result::Error(
        absl::StrCat(certificate.name, " ", certificate.id,
                     " is neither preloaded nor issued: certd's configuration does not name it"));
  }
  const std::string file = IssuedFile(certd, certificate.id);
  return files::Exists(file) ? CheckDates(certificate, file, info) : Result::Ok();
}

}  // namespace

Result IdentityCertificateExpiry(CheckContext& context, nlohmann::json& info) {
  if (!context.identityd.has_value()) return Result::Skipped();
  const v1::Provisioning& provisioning = context.identityd->provisioning();
  const bool manual = provisioning.source() == "manual";
  if (!manual && provisioning.source() != "dps") {
    info["provisioning_mode"] = "none";
    return Result::Ignored();
  }
  const bool x509 =
      (manual ? provisioning.authentication().method() : provisioning.attestation().method()) == "x509";
  info["provisioning_mode"] = absl::StrCat(provisioning.source(), x509 ? "-x509" : "-other");
  if (!x509) return Result::Ignored();
  if (!context.certd.has_value()) return Result::Skipped();
  const std::string& id =
      manual ? provisioning.authentication().identity_cert() : provisioning.attestation().identity_cert();
  return CheckCertificate(*context.certd, {"identity certificate", id}, false, info["certificate_info"]);
}

Result EstCertificateExpiry(CheckContext& context, nlohmann::json& info) {
  if (!context.certd.has_value()) return Result::Skipped();
  const v1::EstDefaults& est = context.certd->cert_issuance().est();
  if (!est.has_identity_cert() && !est.has_bootstrap_identity_cert()) return Result::Ignored();
  Findings findings;
  if (est.has_identity_cert()) {
    // With a bootstrap certificate the server issues the other one at the first contact.
    findings.Add(CheckCertificate(*context.certd, {"EST identity certificate", est.identity_cert()},
                                  est.has_bootstrap_identity_cert(), info["identity_certificate_info"]));
  }
  if (est.has_bootstrap_identity_cert()) {
    findings.Add(CheckCertificate(*context.certd,
                                  {"EST bootstrap identity certificate", est.bootstrap_identity_cert()},
                                  false, info["bootstrap_certificate_info"]));
  }
  return findings.Total();
}

Result LocalCaExpiry(CheckContext& context, nlohmann::json& info) {
  if (!context.certd.has_value()) return Result::Skipped();
  if (!context.certd->cert_issuance().has_local_ca()) return Result::Ignored();
  return CheckCertificate(*context.certd,
                          {"local CA certificate", context.certd->cert_issuance().local_ca().cert()}, false,
                          info["certificate_info"]);
}

Result CertsPreloaded(CheckContext& context, nlohmann::json&) {
  if (!context.certd.has_value()) return Result::Skipped();
  std::set<std::string> seen;
  std::map<std::string, std::string> locations;
  for (const auto& [id, preloaded] : context.certd->preloaded_certs())
    Collect(*context.certd, id, seen, locations);
  Findings findings;
  nlohmann::json dates;
  for (const auto& [id, location] : locations)
    findings.Add(CheckLocation({"preloaded certificate", id}, location, dates));
  return findings.Total();
}

}  // namespace aziot::ctl
