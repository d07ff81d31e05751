#include "keyd/backend/pkcs11/encodings.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>

#include <algorithm>

#include "common/openssl/error_queue.h"
#include "common/openssl/owned.h"

namespace aziot::keyd::pkcs11 {
namespace {

constexpr size_t kLongestCoordinate = 66;  // P-521
constexpr uint8_t kUncompressed = 4;

bool IsUncompressed(BytesView point) {
  return point.size() >= 3 && point[0] == kUncompressed && point.size() % 2 == 1 &&
         point.size() / 2 <= kLongestCoordinate;
}

bool IsCompressed(BytesView point) {
  return point.size() >= 2 && (point[0] == 2 || point[0] == 3) && point.size() - 1 <= kLongestCoordinate;
}

// What stands inside a DER OCTET STRING that fills `der`; empty when it is none.
BytesView OctetString(BytesView der) {
  const uint8_t* content = der.data();
  long length = 0;
  int tag = 0;
  int tag_class = 0;
  if (der.empty()) return {};
  const int form = ASN1_get_object(&content, &length, &tag, &tag_class, static_cast<long>(der.size()));
  ERR_clear_error();
  const size_t header = static_cast<size_t>(content - der.data());
  const bool is_one = (form & 0x81) == 0 && tag == V_ASN1_OCTET_STRING && tag_class == V_ASN1_UNIVERSAL &&
                      length >= 0 && header + static_cast<size_t>(length) == der.size();
  return is_one ? der.subspan(header) : BytesView();
}

}  // namespace

absl::StatusOr<Bytes> CompressedPoint(BytesView ec_point) {
  // A raw uncompressed point begins with 04, as an OCTET STRING does; the length tells them apart.
  const BytesView wrapped = OctetString(ec_point);
  const BytesView point = IsUncompressed(wrapped) || IsCompressed(wrapped) ? wrapped : ec_point;
  if (IsCompressed(point)) return Bytes(point.begin(), point.end());
  if (!IsUncompressed(point)) return absl::InternalError("CKA_EC_POINT is no point of a known form");
  Bytes compressed(1 + point.size() / 2);
  compressed[0] = 2 + (point.back() & 1);
  std::copy_n(point.begin() + 1, point.size() / 2, compressed.begin() + 1);
  return compressed;
}

absl::StatusOr<Bytes> DerSignature(BytesView r_and_s) {
  const size_t half = r_and_s.size() / 2;
  if (half == 0 || r_and_s.size() % 2 != 0 || half > kLongestCoordinate) {
    return absl::InternalError("the token's ECDSA signature is not two numbers of one length");
  }
  openssl::BignumPtr r(BN_bin2bn(r_and_s.data(), static_cast<int>(half), nullptr));
  openssl::BignumPtr s(BN_bin2bn(r_and_s.data() + half, static_cast<int>(half), nullptr));
  ECDSA_SIG* const signature = ECDSA_SIG_new();
  if (r == nullptr || s == nullptr || signature == nullptr ||
      ECDSA_SIG_set0(signature, r.get(), s.get()) != 1) {
    ECDSA_SIG_free(signature);
    return openssl::ErrorFromQueue(absl::StatusCode::kInternal, "building an ECDSA signature");
  }
  r.release();
  s.release();
  uint8_t* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature, &der);
  ECDSA_SIG_free(signature);
  if (size <= 0) return openssl::ErrorFromQueue(absl::StatusCode::kInternal, "writing an ECDSA signature");
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

Bytes FittedDigest(BytesView digest, size_t order_bytes) {
  Bytes fitted(order_bytes);
  const size_t kept = std::min(digest.size(), order_bytes);
  std::copy_n(digest.begin(), kept, fitted.end() - static_cast<ptrdiff_t>(kept));
  return fitted;
}

}  // namespace aziot::keyd::pkcs11
