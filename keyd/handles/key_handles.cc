#include "keyd/handles/key_handles.h"

#include "absl/strings/str_cat.h"
#include "common/bytes/base64.h"
#include "common/openssl/digest.h"
#include "common/status/status_macros.h"

namespace aziot::keyd {
namespace {

constexpr size_t kNonceBytes = 64;
constexpr KeyUsage kValidationUsage{.sign = true};

absl::Status Invalid() { return absl::InvalidArgumentError("invalid handle"); }

absl::Status ValidationKeyFailed(const absl::Status& status) {
  return absl::InternalError(absl::StrCat("the key that signs handles: ", status.message()));
}

}  // namespace

KeyHandles::KeyHandles(KeyBackend& backend) : KeyHandles(backend, openssl::RandomBytes) {}

KeyHandles::KeyHandles(KeyBackend& backend, Random random)
    : backend_(backend), random_(std::move(random)), validation_key_(*KeyId::Parse(kHandleValidationKey)) {}

Lane KeyHandles::MintLane() const {
  return has_validation_key_ ? OpenLane() : backend_.LaneOf(validation_key_, Operation::kCreateKey);
}

absl::StatusOr<Mac> KeyHandles::Sign(BytesView payload) {
  absl::StatusOr<Mac> mac = backend_.Hmac(validation_key_, payload);
  // First need, a store that was emptied under us, or a file that power loss tore: creating keeps a usable
  // key.
  if (absl::IsNotFound(mac.status()) || absl::IsInternal(mac.status())) {
    if (const absl::Status made = backend_.CreateKey(validation_key_, kValidationUsage); !made.ok()) {
      return ValidationKeyFailed(made);
    }
    mac = backend_.Hmac(validation_key_, payload);
  }
  if (!mac.ok()) return ValidationKeyFailed(mac.status());
  has_validation_key_ = true;
  return mac;
}

absl::StatusOr<std::string> KeyHandles::Mint(Name name) {
  const std::string payload =
      FormatPayload({.name = std::move(name), .nonce = FormatBase64(random_(kNonceBytes))});
  ASSIGN_OR_RETURN(const Mac mac, Sign(ToBytesView(payload)));
  return FormatHandle({.payload = ToBytes(payload), .mac = Bytes(mac.begin(), mac.end())});
}

bool KeyHandles::IsTakenByAPair() const {
  const absl::Status pair = backend_.LoadKeyPair(validation_key_);
  return !absl::IsNotFound(pair) && !absl::IsInvalidArgument(pair);
}

absl::StatusOr<HandlePayload> KeyHandles::Verify(absl::string_view handle) {
  ASSIGN_OR_RETURN(const SignedPayload parsed, ParseHandle(handle));
  const absl::StatusOr<bool> valid = backend_.VerifyHmac(validation_key_, parsed.payload, parsed.mac);
  // Without a validation key, or a place for one, nothing was ever minted here.
  if (absl::IsNotFound(valid.status())) return Invalid();
  if (absl::IsInvalidArgument(valid.status()) && !IsTakenByAPair()) return Invalid();
  if (!valid.ok()) return ValidationKeyFailed(valid.status());
  if (!*valid) return Invalid();
  return ParsePayload(parsed.payload);
}

absl::StatusOr<Handle> KeyHandles::Open(absl::string_view handle) {
  if (std::optional<Handle> known = known_.Find(handle)) return *std::move(known);
  ASSIGN_OR_RETURN(HandlePayload payload, Verify(handle));
  absl::StatusOr<Handle> opened = Named(std::move(payload));
  if (opened.ok() && !OpenLane().is_inline()) known_.Add(handle, *opened);
  return opened;
}

absl::StatusOr<Handle> KeyHandles::Named(HandlePayload payload) {
  if (auto* derived = std::get_if<DerivedName>(&payload.name)) {
    ASSIGN_OR_RETURN(Handle base, Open(derived->base_handle));
    if (base.kind == Handle::Kind::kDerived) {
      return absl::InvalidArgumentError(
          "nested derived keys are not supported, import the outer derived key first");
    }
    return Handle{Handle::Kind::kDerived, std::move(base.id), std::move(derived->data)};
  }
  const auto* pair = std::get_if<PairName>(&payload.name);
  const KeyId& id = pair != nullptr ? pair->id : std::get<KeyName>(payload.name).id;
  // A release that did not reserve the id may have minted such a handle; honouring it would let its holder
  // sign others.
  if (id == validation_key_) return Invalid();
  return Handle{pair != nullptr ? Handle::Kind::kKeyPair : Handle::Kind::kKey, id, {}};
}

}  // namespace aziot::keyd
