// LibraryBackend: key pairs.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status/status_macros.h"
#include "keyd/backend/library/library_backend.h"

namespace aziot::keyd::library {
namespace {

struct ParameterRow {
  PairParameter parameter;
  AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE type;
};
constexpr ParameterRow kParameters[] = {
    {PairParameter::kEcCurveOid, AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE_EC_CURVE_OID},
    {PairParameter::kEcPoint, AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE_EC_POINT},
    {PairParameter::kRsaModulus, AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE_RSA_MODULUS},
    {PairParameter::kRsaExponent, AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE_RSA_EXPONENT},
};

AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE TypeOf(PairParameter parameter) {
  return std::find_if(std::begin(kParameters), std::end(kParameters),
                      [&](const ParameterRow& row) { return row.parameter == parameter; })
      ->type;
}

// Curves whose order ends at a byte, by their object identifier in DER (RFC 5480, 2.1.1.1).
struct CurveRow {
  absl::string_view oid;
  size_t order_bytes;
};
constexpr CurveRow kCurves[] = {
    {absl::string_view("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10), 32},  // P-256
    {absl::string_view("\x06\x05\x2b\x81\x04\x00\x22", 7), 48},               // P-384
};
constexpr size_t kShortestOrder = 32;

absl::Status IsKey(const KeyId& id) {
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", id.value(), "\" is a key, not a key pair; delete it first to make a pair of that name"));
}

}  // namespace

absl::Status LibraryBackend::CreateKeyPair(const KeyId& id, std::span<const KeyAlgorithm> preferred) {
  if (preferred.empty()) return absl::InvalidArgumentError("no algorithm to make a key pair of");
  const std::string words = absl::StrJoin(preferred, ":", [](std::string* out, KeyAlgorithm algorithm) {
    absl::StrAppend(out, FactsOf(algorithm).word);
  });
  std::lock_guard lock(mutex_);
  if (HoldsPair(id)) return absl::OkStatus();
  if (HoldsKey(id)) return IsKey(id);
  return ToStatus(functions_.create_key_pair_if_not_exists(id.value().c_str(), words.c_str()),
                  Named("create_key_pair_if_not_exists", id));
}

absl::Status LibraryBackend::LoadKeyPair(const KeyId& id) {
  std::lock_guard lock(mutex_);
  return PairStatus(id);
}

absl::Status LibraryBackend::MoveKeyPair(const KeyId& from, const KeyId& to) {
  if (from == to) return absl::InvalidArgumentError("both ids name one key pair");
  if (functions_.move_key_pair == nullptr) return absl::OkStatus();
  std::lock_guard lock(mutex_);
  if (!HoldsPair(from)) return HoldsKey(from) ? IsKey(from) : PairStatus(from);
  if (HoldsKey(to)) return IsKey(to);
  return ToStatus(functions_.move_key_pair(from.value().c_str(), to.value().c_str()),
                  Named("move_key_pair", from));
}

absl::Status LibraryBackend::DeleteKeyPair(const KeyId& id) {
  if (functions_.delete_key_pair == nullptr) return absl::OkStatus();
  std::lock_guard lock(mutex_);
  if (HoldsKey(id)) return absl::OkStatus();
  return ToStatus(functions_.delete_key_pair(id.value().c_str()), Named("delete_key_pair", id));
}

absl::StatusOr<KeyFamily> LibraryBackend::FamilyOf(const KeyId& id) {
  std::lock_guard lock(mutex_);
  const Call call = Named("get_key_pair_parameter", id);
  AZIOT_KEYS_KEY_PAIR_PARAMETER_ALGORITHM algorithm = 0;
  uint8_t* const bytes = reinterpret_cast<uint8_t*>(&algorithm);
  const absl::Status status =
      ReadExactly(call, {bytes, sizeof algorithm}, [&](unsigned char* out, uintptr_t* length) {
        return functions_.get_key_pair_parameter(id.value().c_str(),
                                                 AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE_ALGORITHM, out, length);
      });
  if (!status.ok()) return OfPair(id, status);
  switch (algorithm) {
    case AZIOT_KEYS_KEY_PAIR_PARAMETER_ALGORITHM_EC:
      return KeyFamily::kEc;
    case AZIOT_KEYS_KEY_PAIR_PARAMETER_ALGORITHM_RSA:
      return KeyFamily::kRsa;
    default:
      return BadAnswer(call, absl::StrCat("gave ", algorithm, " as the algorithm"));
  }
}

absl::StatusOr<Bytes> LibraryBackend::ReadParameter(const KeyId& id,
                                                    AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE type) const {
  return ReadOutput(Named("get_key_pair_parameter", id), [&](unsigned char* out, uintptr_t* length) {
    return functions_.get_key_pair_parameter(id.value().c_str(), type, out, length);
  });
}

absl::StatusOr<Bytes> LibraryBackend::PublicParameter(const KeyId& id, PairParameter parameter) {
  std::lock_guard lock(mutex_);
  absl::StatusOr<Bytes> bytes = ReadParameter(id, TypeOf(parameter));
  if (!bytes.ok()) return OfPair(id, bytes.status());
  return bytes;
}

BytesView LibraryBackend::CutToOrder(const KeyId& id, BytesView digest) const {
  if (digest.size() <= kShortestOrder) return digest;
  const absl::StatusOr<Bytes> oid = ReadParameter(id, AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE_EC_CURVE_OID);
  if (!oid.ok()) return digest;
  for (const CurveRow& curve : kCurves) {
    if (ToText(*oid) == curve.oid) return digest.first(std::min(digest.size(), curve.order_bytes));
  }
  return digest;
}

absl::StatusOr<Bytes> LibraryBackend::SignDigest(const KeyId& id, BytesView digest) {
  std::lock_guard lock(mutex_);
  // A library that hands the digest to a token may not cut it.
  const BytesView cut = CutToOrder(id, digest);
  absl::StatusOr<Bytes> signature = ReadOutput(Named("sign", id), [&](unsigned char* out, uintptr_t* length) {
    return functions_.sign(id.value().c_str(), AZIOT_KEYS_SIGN_MECHANISM_ECDSA, nullptr, NotNull(cut),
                           cut.size(), out, length);
  });
  if (!signature.ok()) return OfPair(id, signature.status());
  return signature;
}

absl::StatusOr<Bytes> LibraryBackend::RsaPrivate(const KeyId& id, RsaPadding padding, BytesView input) {
  std::lock_guard lock(mutex_);
  const AZIOT_KEYS_ENCRYPT_MECHANISM mechanism = padding == RsaPadding::kPkcs1
                                                     ? AZIOT_KEYS_ENCRYPT_MECHANISM_RSA_PKCS1
                                                     : AZIOT_KEYS_ENCRYPT_MECHANISM_RSA_NO_PADDING;
  absl::StatusOr<Bytes> output = ReadOutput(Named("encrypt", id), [&](unsigned char* out, uintptr_t* length) {
    return functions_.encrypt(id.value().c_str(), mechanism, nullptr, NotNull(input), input.size(), out,
                              length);
  });
  if (!output.ok()) return OfPair(id, output.status());
  return output;
}

}  // namespace aziot::keyd::library
