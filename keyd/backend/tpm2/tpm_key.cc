#include "keyd/backend/tpm2/tpm_key.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/status/status_macros.h"
#include "keyd/tpm/marshal.h"

namespace aziot::keyd::tpm2 {
namespace {

constexpr uint32_t kDefaultExponent = 65537;
// DER of 1.2.840.10045.3.1.7.
constexpr uint8_t kP256Oid[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

absl::Status Unusable(absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("the TPM's key cannot be used: ", why));
}

absl::StatusOr<TpmKey::Kind> KindOf(const TPMT_PUBLIC& area) {
  const TPMA_OBJECT attributes = area.objectAttributes;
  if ((attributes & TPMA_OBJECT_USERWITHAUTH) == 0) return Unusable("it needs a policy");
  if ((attributes & TPMA_OBJECT_RESTRICTED) != 0) return Unusable("it is restricted");
  const bool signs = (attributes & TPMA_OBJECT_SIGN_ENCRYPT) != 0;
  const bool decrypts = (attributes & TPMA_OBJECT_DECRYPT) != 0;
  switch (area.type) {
    case TPM2_ALG_ECC:
      return TpmKey::Kind::kEcPair;
    case TPM2_ALG_RSA:
      return TpmKey::Kind::kRsaPair;
    case TPM2_ALG_KEYEDHASH:
      if (signs && !decrypts) return TpmKey::Kind::kSign;
      if (!signs && !decrypts) return TpmKey::Kind::kSealed;
      return Unusable("it is a keyed-hash object of unknown use");
    default:
      return Unusable(absl::StrFormat("its type is 0x%04x", area.type));
  }
}

Bytes Padded(BytesView number, size_t size) {
  Bytes padded(size - std::min(size, number.size()), 0);
  padded.insert(padded.end(), number.begin(), number.end());
  return padded;
}

Bytes WithoutLeadingZeros(BytesView number) {
  const auto first = std::find_if(number.begin(), number.end(), [](uint8_t byte) { return byte != 0; });
  return Bytes(first, number.end());
}

size_t FieldSize(TPMI_ECC_CURVE curve) {
  switch (curve) {
    case TPM2_ECC_NIST_P256:
      return 32;
    case TPM2_ECC_NIST_P384:
      return 48;
    case TPM2_ECC_NIST_P521:
      return 66;
    default:
      return 0;
  }
}

// SEC 1, 2.3.3, compressed.
absl::StatusOr<Bytes> PointOf(const TPMT_PUBLIC& area) {
  const TPMS_ECC_POINT& point = area.unique.ecc;
  const size_t size = FieldSize(area.parameters.eccDetail.curveID);
  if (size == 0 || point.x.size > size || point.y.size == 0 || point.y.size > size) {
    return absl::InternalError("the TPM's key is on a curve that is not supported");
  }
  Bytes compressed = Padded({point.x.buffer, point.x.size}, size);
  compressed.insert(compressed.begin(), (point.y.buffer[point.y.size - 1] & 1) != 0 ? 3 : 2);
  return compressed;
}

Bytes ExponentOf(const TPMT_PUBLIC& area) {
  const uint32_t written = area.parameters.rsaDetail.exponent;
  const uint32_t exponent = written == 0 ? kDefaultExponent : written;
  Bytes bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<uint8_t>(exponent >> shift));
  return WithoutLeadingZeros(bytes);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const TpmKey>> TpmKey::FromFile(const Tss2Key& file) {
  if (!file.empty_auth) return Unusable("it has a password of its own");
  const uint8_t parent_type = static_cast<uint8_t>(file.parent >> TPM2_HR_SHIFT);
  if (parent_type != TPM2_HT_PERSISTENT && file.parent != TPM2_RH_OWNER) {
    return Unusable(absl::StrFormat(
        "its parent 0x%08x is neither a persistent object nor the owner hierarchy (0x40000001)",
        file.parent));
  }
  ASSIGN_OR_RETURN(const Kind kind, KindOf(file.area.publicArea));
  if ((kind == Kind::kSealed) != (file.type == Tss2Key::Type::kSealed)) {
    return Unusable("its type in the file is not that of its public area");
  }
  std::string name = absl::StrCat("file ", absl::Hex(file.parent), " ");
  name.append(reinterpret_cast<const char*>(file.wrapped.buffer), file.wrapped.size);
  return std::shared_ptr<const TpmKey>(new TpmKey(kind, 0, file, std::move(name)));
}

absl::StatusOr<std::shared_ptr<const TpmKey>> TpmKey::AtHandle(TPM2_HANDLE handle, const TPM2B_PUBLIC& area) {
  ASSIGN_OR_RETURN(const Kind kind, KindOf(area.publicArea));
  ASSIGN_OR_RETURN(const Bytes bytes, tpm::FormatPublic(area));
  Tss2Key no_file;
  no_file.area = area;
  return std::shared_ptr<const TpmKey>(
      new TpmKey(kind, handle, no_file, absl::StrCat("handle ", absl::Hex(handle), " ", ToText(bytes))));
}

std::optional<KeyFamily> TpmKey::family() const {
  if (kind_ == Kind::kEcPair) return KeyFamily::kEc;
  if (kind_ == Kind::kRsaPair) return KeyFamily::kRsa;
  return std::nullopt;
}

absl::StatusOr<Bytes> TpmKey::PublicParameter(PairParameter parameter) const {
  const bool of_ec = parameter == PairParameter::kEcCurveOid || parameter == PairParameter::kEcPoint;
  if (!is_pair() || of_ec != (kind_ == Kind::kEcPair)) {
    return absl::InvalidArgumentError("the key has no such parameter");
  }
  switch (parameter) {
    case PairParameter::kEcCurveOid:
      if (area().parameters.eccDetail.curveID != TPM2_ECC_NIST_P256) {
        return absl::InvalidArgumentError("the key is on another curve than P-256");
      }
      return Bytes(std::begin(kP256Oid), std::end(kP256Oid));
    case PairParameter::kEcPoint:
      return PointOf(area());
    case PairParameter::kRsaModulus:
      return WithoutLeadingZeros({area().unique.rsa.buffer, area().unique.rsa.size});
    case PairParameter::kRsaExponent:
      return ExponentOf(area());
  }
  return absl::InvalidArgumentError("the key has no such parameter");
}

}  // namespace aziot::keyd::tpm2
