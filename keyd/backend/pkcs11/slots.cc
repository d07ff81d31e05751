#include "keyd/backend/pkcs11/slots.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status/status_macros.h"
#include "keyd/backend/pkcs11/ckr.h"

namespace aziot::keyd::pkcs11 {
namespace {

// Padded with blanks (PKCS #11 v2.40, 3.2); of modules that pad with NUL, what stands before it.
template <size_t N>
std::string Trimmed(const CK_UTF8CHAR (&field)[N]) {
  absl::string_view text(reinterpret_cast<const char*>(field), N);
  text = text.substr(0, text.find('\0'));
  return std::string(absl::StripTrailingAsciiWhitespace(text));
}

bool Agrees(const std::optional<std::string>& wanted, absl::string_view actual) {
  return !wanted.has_value() || absl::StripAsciiWhitespace(*wanted) == absl::StripAsciiWhitespace(actual);
}

absl::StatusOr<std::vector<CK_SLOT_ID>> SlotsWithToken(CK_FUNCTION_LIST& functions) {
  for (;;) {
    CK_ULONG count = 0;
    // The call without a buffer is the one that lets a module look again (PKCS #11 v2.40, 5.5).
    RETURN_IF_ERROR(ToStatus(functions.C_GetSlotList(CK_TRUE, nullptr, &count), "C_GetSlotList"));
    if (count == 0) return std::vector<CK_SLOT_ID>();
    if (count > 4096) return absl::InternalError("C_GetSlotList: claims to have thousands of slots");
    std::vector<CK_SLOT_ID> slots(count);
    const CK_RV code = functions.C_GetSlotList(CK_TRUE, slots.data(), &count);
    if (code == CKR_BUFFER_TOO_SMALL) continue;
    RETURN_IF_ERROR(ToStatus(code, "C_GetSlotList"));
    if (count > slots.size()) continue;
    slots.resize(count);
    return slots;
  }
}

bool Matches(const TokenInfo& token, const uri::Pkcs11Uri& wanted) {
  if (wanted.slot_id.has_value()) {
    if (token.slot != *wanted.slot_id) return false;
  } else if ((token.flags & CKF_TOKEN_INITIALIZED) == 0 || !Agrees(wanted.token, token.label)) {
    return false;
  }
  return Agrees(wanted.manufacturer, token.manufacturer) && Agrees(wanted.model, token.model) &&
         Agrees(wanted.serial, token.serial);
}

}  // namespace

absl::StatusOr<TokenInfo> InfoOf(CK_FUNCTION_LIST& functions, CK_SLOT_ID slot) {
  CK_TOKEN_INFO info = {};
  RETURN_IF_ERROR(ToStatus(functions.C_GetTokenInfo(slot, &info), "C_GetTokenInfo"));
  return TokenInfo{.slot = slot,
                   .label = Trimmed(info.label),
                   .manufacturer = Trimmed(info.manufacturerID),
                   .model = Trimmed(info.model),
                   .serial = Trimmed(info.serialNumber),
                   .flags = info.flags};
}

absl::StatusOr<TokenInfo> FindToken(CK_FUNCTION_LIST& functions, const uri::Pkcs11Uri& wanted) {
  ASSIGN_OR_RETURN(const std::vector<CK_SLOT_ID> slots, SlotsWithToken(functions));
  std::vector<std::string> others;
  absl::Status trouble;
  for (const CK_SLOT_ID slot : slots) {
    auto token = InfoOf(functions, slot);
    if (!token.ok()) {
      // One reader that fails must not hide the others.
      if (CkrOf(token.status()) == CKR_CRYPTOKI_NOT_INITIALIZED) return token.status();
      trouble = token.status();
      continue;
    }
    if (Matches(*token, wanted)) return token;
    others.push_back(absl::StrCat("\"", token->label, "\" in slot ", slot));
  }
  if (!trouble.ok()) return trouble;
  absl::Status absent = ToStatus(CKR_TOKEN_NOT_PRESENT, "looking for the token");
  absl::Status named(absl::StatusCode::kUnavailable,
                     absl::StrCat("the module shows no such token (CKR_TOKEN_NOT_PRESENT), only ",
                                  others.empty() ? "empty slots" : absl::StrJoin(others, ", "),
                                  "; insert it, or correct pkcs11_base_slot"));
  absent.ForEachPayload(
      [&](absl::string_view type, const absl::Cord& value) { named.SetPayload(type, value); });
  return named;
}

std::string NameOf(const uri::Pkcs11Uri& token) {
  if (token.slot_id.has_value()) return absl::StrCat("slot ", *token.slot_id);
  return token.token.value_or("");
}

}  // namespace aziot::keyd::pkcs11
