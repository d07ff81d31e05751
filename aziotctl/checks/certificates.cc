#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "aziotctl/checks/checks.h"
#include "common/files/files.h"
#include "common/openssl/certificate.h"
#include "common/uri/uri.h"

namespace aziot::ctl {
namespace {

constexpr absl::Duration kSoon = absl::Hours(24 * 7);

// The dates of the first certificate in a file.
Result CheckDates(const std::string& id, const std::string& path, nlohmann::json& info) {
  const auto pem = files::Read(path);
  if (!pem.ok())
    return Result::Error(absl::StrCat("could not read certificate ", id),
                         std::string(pem.status().message()));
  const auto certificates = openssl::ParseCertificates(*pem);
  if (!certificates.ok() || certificates->empty()) {
    return Result::Error(absl::StrCat(path, " holds no readable certificate"));
  }
  const absl::Time begin = openssl::NotBefore(*certificates->front());
  const absl::Time end = openssl::NotAfter(*certificates->front());
  const auto text = [](absl::Time time) {
    return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
  };
  info = {{"cert_name", id}, {"cert_id", id}, {"not_after", text(end)}, {"not_before", text(begin)}};
  const absl::Time now = absl::Now();
  if (now < begin)
    return Result::Error(absl::StrCat("certificate ", id, " is not valid before ", text(begin)));
  if (now > end) return Result::Error(absl::StrCat("certificate ", id, " expired at ", text(end)));
  if (end - now < kSoon) return Result::Warning(absl::StrCat("certificate ", id, " expires at ", text(end)));
  return Result::Ok();
}

// Keeps the worse kind and every text: one run tells all that is wrong.
void Join(Result& all, const Result& one) {
  if (one.kind > all.kind) all.kind = one.kind;
  all.details.insert(all.details.end(), one.details.begin(), one.details.end());
}

}  // namespace

Result LocalCaExpiry(CheckContext& context, nlohmann::json& info) {
  if (!context.certd.has_value()) return Result::Skipped();
  if (!context.certd->cert_issuance().has_local_ca()) return Result::Ignored();
  const std::string& id = context.certd->cert_issuance().local_ca().cert();
  const auto found = context.certd->preloaded_certs().find(id);
  if (found == context.certd->preloaded_certs().end()) return Result::Ok();  // issued here, when it is needed
  const auto file = uri::ParseFile(found->second.uri());
  if (!file.ok()) return Result::Error(absl::StrCat("local CA ", id), std::string(file.status().message()));
  return CheckDates(id, file->path, info["certificate_info"]);
}

Result CertsPreloaded(CheckContext& context, nlohmann::json&) {
  if (!context.certd.has_value()) return Result::Skipped();
  Result all;
  for (const auto& [id, preloaded] : context.certd->preloaded_certs()) {
    if (preloaded.uri().empty()) continue;
    const auto file = uri::ParseFile(preloaded.uri());
    nlohmann::json dates;
    Join(all, file.ok() ? CheckDates(id, file->path, dates)
                        : Result::Error(absl::StrCat("preloaded certificate ", id),
                                        std::string(file.status().message())));
  }
  return all;
}

}  // namespace aziot::ctl
