#include "provisiond/auth/sas_token.h"

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/bytes/base64.h"
#include "common/bytes/secret.h"
#include "common/http/target.h"
#include "common/openssl/digest.h"

namespace aziot::provisiond::auth {
namespace {

constexpr absl::string_view kScheme = "SharedAccessSignature ";
constexpr size_t kLongestToken = 8192;
constexpr int64_t kLargestExpiry = int64_t{1} << 53;
constexpr absl::Duration kSkew = absl::Seconds(300);

absl::Status Refused(absl::string_view why) { return absl::UnauthenticatedError(why); }

absl::string_view WithoutPort(absl::string_view host) {
  const size_t colon = host.rfind(':');
  if (colon == absl::string_view::npos || host.find(']', colon) != absl::string_view::npos) return host;
  for (const char c : host.substr(colon + 1)) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return host;
  }
  return host.substr(0, colon);
}

bool SameSegment(absl::string_view sent, absl::string_view expected, bool host) {
  if (host) {
    sent = WithoutPort(sent);
    expected = WithoutPort(expected);
  }
  return absl::EqualsIgnoreCase(sent, expected) ||
         absl::EqualsIgnoreCase(http::PercentDecode(sent), expected);
}

}  // namespace

absl::StatusOr<SasToken> ParseSasToken(absl::string_view authorization) {
  if (authorization.size() > kLongestToken) return Refused("token too long");
  if (!absl::StartsWithIgnoreCase(authorization, kScheme)) return Refused("no shared access signature");
  const absl::string_view fields = absl::StripAsciiWhitespace(authorization.substr(kScheme.size()));

  std::optional<absl::string_view> sr, sig, se, skn;
  for (const absl::string_view field : absl::StrSplit(fields, '&')) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(field, absl::MaxSplits('=', 1));
    std::optional<absl::string_view>* slot = pair.first == "sr"    ? &sr
                                             : pair.first == "sig" ? &sig
                                             : pair.first == "se"  ? &se
                                             : pair.first == "skn" ? &skn
                                                                   : nullptr;
    if (slot == nullptr) continue;
    if (slot->has_value()) return Refused("a token field is repeated");
    *slot = pair.second;
  }
  if (!sr || sr->empty() || !sig || !se) return Refused("the token lacks sr, sig or se");

  SasToken token;
  token.resource = std::string(*sr);
  token.expiry_text = std::string(*se);
  if (se->empty() || se->size() > 16) return Refused("the token's expiry is no number");
  for (const char c : *se) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c)))
      return Refused("the token's expiry is no number");
  }
  if (!absl::SimpleAtoi(*se, &token.expiry) || token.expiry > kLargestExpiry) {
    return Refused("the token's expiry is out of range");
  }
  absl::StatusOr<Bytes> signature = ParseBase64(http::PercentDecode(*sig));
  if (!signature.ok() || signature->size() != 32) return Refused("the token's signature is malformed");
  token.signature = *std::move(signature);
  if (skn) token.key_name = http::PercentDecode(*skn);
  return token;
}

absl::Status CheckExpiry(const SasToken& token, absl::Time now, absl::Duration longest) {
  const absl::Time expiry = absl::FromUnixSeconds(token.expiry);
  if (expiry < now - kSkew) return Refused("the token has expired");
  if (expiry > now + longest + kSkew) return Refused("the token lives too long");
  return absl::OkStatus();
}

bool SignedBy(const SasToken& token, BytesView key) {
  const std::string text = absl::StrCat(token.resource, "\n", token.expiry_text);
  return ConstantTimeEqual(openssl::HmacSha256(key, ToBytesView(text)), token.signature);
}

bool SignedByEither(const SasToken& token, BytesView primary, BytesView secondary) {
  const bool by_primary = SignedBy(token, primary);
  const bool by_secondary = SignedBy(token, secondary);
  return by_primary || by_secondary;
}

bool Covers(const SasToken& token, const std::vector<std::string>& segments, Scope scope) {
  std::string decoded = http::PercentDecode(token.resource);
  absl::string_view text = decoded;
  if (absl::StartsWithIgnoreCase(text, "https://")) text.remove_prefix(8);
  absl::ConsumeSuffix(&text, "/");
  const std::vector<absl::string_view> sent = absl::StrSplit(text, '/');
  if (sent.size() > segments.size() || (scope == Scope::kExact && sent.size() != segments.size()))
    return false;
  for (size_t i = 0; i < sent.size(); ++i) {
    if (sent[i].empty() || !SameSegment(sent[i], segments[i], i == 0)) return false;
  }
  return true;
}

}  // namespace aziot::provisiond::auth
