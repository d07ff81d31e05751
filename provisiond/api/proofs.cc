#include "provisiond/api/proofs.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "provisiond/audit/audit_log.h"
#include "provisiond/lifecycle/fault.h"

namespace aziot::provisiond::api {
namespace {
std::string KeyOf(const Call& call, absl::string_view id) {
  return absl::StrCat(call.peer, "\n", absl::AsciiStrToLower(id));
}
}  // namespace

absl::StatusOr<auth::SasToken> Proofs::ReadToken(const Call& call) const {
  absl::StatusOr<auth::SasToken> token = auth::ParseSasToken(call.headers.Get("Authorization"));
  if (!token.ok()) return Refuse(Fault::kUnauthorized, token.status().message());
  if (const absl::Status expiry = auth::CheckExpiry(*token, clock_.Now(), longest_token_); !expiry.ok()) {
    return Refuse(Fault::kUnauthorized, expiry.message());
  }
  return token;
}

absl::StatusOr<auth::SasToken> Proofs::TokenOf(const Call& call, absl::string_view id) {
  if (const auto wait = failed_.Check(KeyOf(call, id))) return Throttled(*wait);
  absl::StatusOr<auth::SasToken> token = ReadToken(call);
  if (!token.ok()) return Note(call, id, token.status());
  return token;
}

absl::Status Proofs::Note(const Call& call, absl::string_view id, absl::Status status) {
  const std::optional<Fault> fault = FaultOf(status);
  if (fault != Fault::kUnauthorized && fault != Fault::kForbidden) return status;
  if (fault == Fault::kUnauthorized) failed_.Take(KeyOf(call, id));
  if (lines_.Take(call.peer)) return status;
  log::Info("{} {}: refused {} as {}: {}", call.method, call.target.path, call.peer, id, status);
  audit::Line line;
  line.time = clock_.Now();
  line.actor = call.peer;
  line.action = "proof";
  line.target = std::string(id);
  line.outcome = "refused";
  line.code = fault == Fault::kUnauthorized ? "401" : "403";
  line.request_id = call.request_id;
  const absl::Status written =
      database_.Write([&](store::Session& session) { return audit::Append(session, line); });
  if (!written.ok()) log::Error("audit: {}", written);
  return status;
}

}  // namespace aziot::provisiond::api
