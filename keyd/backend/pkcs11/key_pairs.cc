// TokenBackend's key pairs.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "keyd/backend/pkcs11/ckr.h"
#include "keyd/backend/pkcs11/encodings.h"
#include "keyd/backend/pkcs11/moves.h"
#include "keyd/backend/pkcs11/templates.h"
#include "keyd/backend/pkcs11/token_backend.h"

namespace aziot::keyd::pkcs11 {
namespace {

constexpr uint8_t kP256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
constexpr size_t kPkcs1Overhead = 11;  // RFC 8017, 9.2

absl::Status CheckFamily(const KeyPairObject& pair, KeyFamily wanted) {
  if (pair.family == wanted) return absl::OkStatus();
  return absl::InvalidArgumentError(wanted == KeyFamily::kEc ? "the pair is RSA, not EC"
                                                             : "the pair is EC, not RSA");
}

absl::StatusOr<Bytes> Shown(const Bytes& value) {
  if (!value.empty()) return value;
  return absl::FailedPreconditionError(
      "the token shows no public half of the pair; import its public key with the pair's CKA_ID");
}

absl::StatusOr<Bytes> ParameterOf(const KeyPairObject& pair, PairParameter parameter) {
  const bool of_ec = parameter == PairParameter::kEcCurveOid || parameter == PairParameter::kEcPoint;
  RETURN_IF_ERROR(CheckFamily(pair, of_ec ? KeyFamily::kEc : KeyFamily::kRsa));
  switch (parameter) {
    case PairParameter::kEcCurveOid:
      if (!pair.curve.empty() &&
          !std::equal(pair.curve.begin(), pair.curve.end(), std::begin(kP256), std::end(kP256))) {
        return absl::InvalidArgumentError("the pair is on a curve other than P-256");
      }
      return Shown(pair.curve);
    case PairParameter::kEcPoint:
      return Shown(pair.point);
    case PairParameter::kRsaModulus:
      return Shown(pair.modulus);
    case PairParameter::kRsaExponent:
      return Shown(pair.exponent);
  }
  return absl::InvalidArgumentError("unknown parameter");
}

// Tokens differ in what they say of a wrong length, and some take what they should not.
absl::Status CheckRsaInput(const KeyPairObject& pair, RsaPadding padding, BytesView input) {
  const size_t size = pair.modulus.size();
  if (size == 0) return absl::OkStatus();
  if (padding == RsaPadding::kPkcs1) {
    if (input.size() + kPkcs1Overhead <= size) return absl::OkStatus();
    return absl::InternalError("the input of RSA is too long for its padding");
  }
  const bool is_below =
      std::lexicographical_compare(input.begin(), input.end(), pair.modulus.begin(), pair.modulus.end());
  if (input.size() == size && is_below) return absl::OkStatus();
  return absl::InternalError("the input of RSA is not as long as the modulus and below it");
}

absl::Status GeneratePair(Session& session, const ObjectName& name, KeyAlgorithm algorithm) {
  const PairTemplates templates = TemplatesOf(algorithm);
  const int bits = FactsOf(algorithm).rsa_bits;
  if (bits != 0) {
    // Some modules say CKR_GENERAL_ERROR for a length that they do not have.
    const auto longest = session.LongestKey(templates.mechanism);
    if (longest.ok() && *longest != 0 && *longest < static_cast<CK_ULONG>(bits)) {
      return ToStatus(CKR_KEY_SIZE_RANGE, "C_GetMechanismInfo");
    }
  }
  Template naming;
  if (name.label.has_value()) naming.Text(CKA_LABEL, *name.label);
  if (name.id.has_value()) {
    naming.Text(CKA_ID, *name.id);
  } else {
    naming.Add(CKA_ID, NewMarker(0));
  }
  return MakeWithWishes(naming, [&](const Template& names, const Template& secrecy) {
    return session.GenerateKeyPair(templates.mechanism, Template().With(templates.public_key).With(names),
                                   Template().With(templates.private_key).With(names).With(secrecy));
  });
}

}  // namespace

absl::Status TokenBackend::TryPair(const KeyId& id, const ObjectName& name, PairBody body) {
  return Run(id, [&](Session& session) -> absl::Status {
    const uint64_t generation = token_.generation();
    auto pair = pairs_.Find(id, generation);
    if (pair == nullptr) {
      const auto ticket = pairs_.Begin(generation);
      ASSIGN_OR_RETURN(KeyPairObject found, FindKeyPair(session, name));
      pair = std::make_shared<const KeyPairObject>(std::move(found));
      pairs_.Put(id, pair, ticket);
    }
    return body(session, *pair);
  });
}

absl::Status TokenBackend::WithPair(const KeyId& id, PairBody body) {
  ASSIGN_OR_RETURN(const ObjectName name, NameOf(id));
  if (pairs_.IsKnownAbsent(id)) return absl::NotFoundError("there is no such private key on the token");
  EndCutMoves();
  absl::Status status = TryPair(id, name, body);
  if (!absl::IsNotFound(status)) return status;
  // It may be between two names; whoever is moving it holds the lock, or has died.
  const NameLocks::Guard guard = locks_.Lock(LockOf(name));
  const auto ticket = pairs_.Begin(token_.generation());
  RETURN_IF_ERROR(Run(id, [&](Session& session) { return EndCutMove(session, name); }));
  status = TryPair(id, name, body);
  if (absl::IsNotFound(status)) pairs_.PutAbsent(id, ticket);
  return status;
}

void TokenBackend::EndCutMoves() {
  if (!cut_moves_.load(std::memory_order_relaxed) || !cut_moves_.exchange(false)) return;
  std::vector<std::string> labels;
  absl::Status status = token_.Run([&](Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(labels, FindCutMoves(session));
    return absl::OkStatus();
  });
  for (const std::string& label : labels) {
    const ObjectName name{.label = label, .id = std::nullopt};
    const NameLocks::Guard guard = locks_.Lock(LockOf(name));
    log::Info("token \"{}\": ending a move to \"{}\" that was cut short", token_.name(), label);
    status.Update(token_.Run([&](Session& session) { return EndCutMove(session, name); }));
  }
  if (absl::IsUnavailable(status) || absl::IsFailedPrecondition(status)) cut_moves_ = true;
}

absl::Status TokenBackend::CreatePairNow(Session& session, const ObjectName& name,
                                         std::span<const KeyAlgorithm> preferred) {
  RETURN_IF_ERROR(EndCutMove(session, name));
  ASSIGN_OR_RETURN(const auto held, FindObjects(session, CKO_PRIVATE_KEY, name));
  if (!held.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto keys, FindObjects(session, CKO_SECRET_KEY, name));
  if (!keys.empty()) return absl::InvalidArgumentError("the id holds a key, not a key pair");
  RETURN_IF_ERROR(ClearLonePublicKeys(session, name));
  std::vector<std::string> refusals;
  for (const KeyAlgorithm algorithm : preferred) {
    const absl::Status status = GeneratePair(session, name, algorithm);
    if (!absl::IsUnimplemented(status)) return status;
    refusals.push_back(absl::StrCat(FactsOf(algorithm).word, ": ", status.message()));
  }
  return absl::UnimplementedError(
      absl::StrCat("the token makes no such key pair (", absl::StrJoin(refusals, "; "), ")"));
}

absl::Status TokenBackend::CreateKeyPair(const KeyId& id, std::span<const KeyAlgorithm> preferred) {
  if (preferred.empty()) return absl::InvalidArgumentError("no algorithm to make a key pair of");
  ASSIGN_OR_RETURN(const ObjectName name, NewNameOf(id));
  const NameLocks::Guard guard = locks_.Lock(LockOf(name));
  const absl::Status status =
      Run(id, [&](Session& session) { return CreatePairNow(session, name, preferred); });
  pairs_.Forget(id);
  return status;
}

absl::Status TokenBackend::LoadKeyPair(const KeyId& id) { return FamilyOf(id).status(); }

absl::Status TokenBackend::MoveKeyPair(const KeyId& from, const KeyId& to) {
  ASSIGN_OR_RETURN(const ObjectName from_name, ExactNameOf(from));
  ASSIGN_OR_RETURN(const ObjectName to_name, ExactNameOf(to));
  const std::string from_lock = LockOf(from_name);
  const std::string to_lock = LockOf(to_name);
  if (from_lock == to_lock) return absl::InvalidArgumentError("both ids name one object");
  const NameLocks::Guard first = locks_.Lock(std::min(from_lock, to_lock));
  const NameLocks::Guard second = locks_.Lock(std::max(from_lock, to_lock));
  std::optional<Bytes> renaming;
  const absl::Status status =
      Run(from, [&](Session& session) { return MovePair(session, from_name, to_name, renaming); });
  for (const KeyId* id : {&from, &to}) pairs_.Forget(*id);
  if (!status.ok() && !absl::IsNotFound(status) && !absl::IsInvalidArgument(status)) cut_moves_ = true;
  return status;
}

absl::Status TokenBackend::DeleteKeyPair(const KeyId& id) {
  auto name = ExactNameOf(id);
  if (absl::IsNotFound(name.status())) return absl::OkStatus();
  RETURN_IF_ERROR(name.status());
  const NameLocks::Guard guard = locks_.Lock(LockOf(*name));
  const absl::Status status = Run(id, [&](Session& session) { return DestroyPair(session, *name); });
  pairs_.Forget(id);
  return status;
}

absl::StatusOr<KeyFamily> TokenBackend::FamilyOf(const KeyId& id) {
  KeyFamily family = KeyFamily::kEc;
  RETURN_IF_ERROR(WithPair(id, [&](Session& session, const KeyPairObject& pair) {
    family = pair.family;
    return KeyTypeOf(session, pair.handle).status();
  }));
  return family;
}

absl::StatusOr<Bytes> TokenBackend::PublicParameter(const KeyId& id, PairParameter parameter) {
  Bytes value;
  RETURN_IF_ERROR(WithPair(id, [&](Session& session, const KeyPairObject& pair) -> absl::Status {
    RETURN_IF_ERROR(KeyTypeOf(session, pair.handle).status());
    ASSIGN_OR_RETURN(value, ParameterOf(pair, parameter));
    return absl::OkStatus();
  }));
  return value;
}

absl::StatusOr<Bytes> TokenBackend::SignDigest(const KeyId& id, BytesView digest) {
  Bytes r_and_s;
  RETURN_IF_ERROR(WithPair(id, [&](Session& session, const KeyPairObject& pair) -> absl::Status {
    RETURN_IF_ERROR(CheckFamily(pair, KeyFamily::kEc));
    ASSIGN_OR_RETURN(r_and_s, session.Sign(CKM_ECDSA, pair.handle, FittedDigest(digest, pair.order_bytes)));
    return absl::OkStatus();
  }));
  return DerSignature(r_and_s);
}

absl::StatusOr<Bytes> TokenBackend::RsaPrivate(const KeyId& id, RsaPadding padding, BytesView input) {
  Bytes output;
  RETURN_IF_ERROR(WithPair(id, [&](Session& session, const KeyPairObject& pair) -> absl::Status {
    RETURN_IF_ERROR(CheckFamily(pair, KeyFamily::kRsa));
    RETURN_IF_ERROR(CheckRsaInput(pair, padding, input));
    const CK_MECHANISM_TYPE mechanism = padding == RsaPadding::kPkcs1 ? CKM_RSA_PKCS : CKM_RSA_X_509;
    ASSIGN_OR_RETURN(output, session.Sign(mechanism, pair.handle, input));
    return absl::OkStatus();
  }));
  return output;
}

}  // namespace aziot::keyd::pkcs11
