#include "provisiond/audit/audit_log.h"

#include "absl/strings/str_cat.h"
#include "common/bytes/hex.h"
#include "common/openssl/digest.h"
#include "common/status/status_macros.h"

namespace aziot::provisiond::audit {
namespace {

constexpr int64_t kPage = 1000;

// Lengths before the values: no two different lines have the same text.
std::string Hash(int64_t seq, const std::vector<std::string>& fields, absl::string_view previous) {
  std::string text = absl::StrCat(seq, "\n", previous, "\n");
  for (const std::string& field : fields) absl::StrAppend(&text, field.size(), ":", field, "\n");
  return FormatHex(openssl::Sha256(ToBytesView(text)));
}

}  // namespace

absl::Status Append(store::Session& session, const Line& line) {
  ASSIGN_OR_RETURN(const auto last,
                   session.First("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", {}));
  const int64_t seq = last ? last->Integer(0) + 1 : 1;
  const std::string previous = last ? last->Text(1) : "";
  const int64_t time = absl::ToUnixMicros(line.time);
  const std::string hash = Hash(seq,
                                {absl::StrCat(time), line.actor, line.action, line.target, line.outcome,
                                 line.code, line.request_id, line.detail},
                                previous);
  return session
      .Execute(
          "INSERT INTO audit (seq, time, actor, action, target, outcome, code, request_id, detail, "
          "prev_hash, "
          "hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
          {seq, time, line.actor, line.action, line.target, line.outcome, line.code, line.request_id,
           line.detail, previous, hash})
      .status();
}

absl::Status Verify(store::Session& session) {
  std::string previous;
  int64_t seq = 0;
  for (;;) {
    ASSIGN_OR_RETURN(
        const std::vector<store::Row> rows,
        session.Query("SELECT seq, time, actor, action, target, outcome, code, request_id, detail, "
                      "prev_hash, hash FROM audit WHERE seq > ? ORDER BY seq LIMIT ?",
                      {seq, kPage}));
    if (rows.empty()) return absl::OkStatus();
    for (const store::Row& row : rows) {
      std::vector<std::string> fields = {absl::StrCat(row.Integer(1))};
      for (size_t i = 2; i <= 8; ++i) fields.push_back(row.Text(i));
      const std::string hash = Hash(seq + 1, fields, previous);
      if (row.Integer(0) != seq + 1 || row.Text(9) != previous || row.Text(10) != hash) {
        return absl::DataLossError(absl::StrCat("audit line ", seq + 1, " does not fit the chain"));
      }
      previous = hash;
      ++seq;
    }
  }
}

}  // namespace aziot::provisiond::audit
