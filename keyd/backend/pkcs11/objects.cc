#include "keyd/backend/pkcs11/objects.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/openssl/owned.h"
#include "common/status/status_macros.h"
#include "keyd/backend/pkcs11/encodings.h"

namespace aziot::keyd::pkcs11 {
namespace {

Template Wanted(CK_OBJECT_CLASS object_class, const ObjectName& name) {
  Template wanted;
  wanted.Number(CKA_CLASS, object_class);
  if (name.label.has_value()) wanted.Text(CKA_LABEL, *name.label);
  if (name.id.has_value()) wanted.Text(CKA_ID, *name.id);
  return wanted;
}

// Ours before others, then the newest, which has the greatest CKA_ID.
bool CountsMore(const FoundObject& a, const FoundObject& b) {
  const bool a_is_ours = NumberOfMarker(a.id).has_value();
  const bool b_is_ours = NumberOfMarker(b.id).has_value();
  if (a_is_ours != b_is_ours) return a_is_ours;
  if (a.id != b.id) return a.id > b.id;
  return a.handle < b.handle;
}

Bytes WithoutLeadingZeros(Bytes number) {
  number.erase(number.begin(), std::find_if(number.begin(), number.end(), [](uint8_t b) { return b != 0; }));
  return number;
}

// Of the private key or, where that does not show it, of a public half.
absl::StatusOr<Bytes> EitherAttribute(Session& session, CK_OBJECT_HANDLE private_key,
                                      const std::vector<FoundObject>& public_halves, CK_ATTRIBUTE_TYPE type) {
  ASSIGN_OR_RETURN(Bytes value, session.Attribute(private_key, type));
  for (const FoundObject& half : public_halves) {
    if (!value.empty()) break;
    ASSIGN_OR_RETURN(value, session.Attribute(half.handle, type));
  }
  return value;
}

// PKCS #11 v2.40, 4.9: a private key may carry the SubjectPublicKeyInfo.
Bytes PointOfPublicKeyInfo(BytesView info) {
  const uint8_t* at = info.data();
  const openssl::PkeyPtr key(d2i_PUBKEY(nullptr, &at, static_cast<long>(info.size())));
  unsigned char* point = nullptr;
  const size_t size = key == nullptr ? 0 : EVP_PKEY_get1_encoded_public_key(key.get(), &point);
  Bytes bytes(point, point + size);
  OPENSSL_free(point);
  ERR_clear_error();
  return bytes;
}

size_t OrderBytesOf(const KeyPairObject& pair) {
  struct Curve {
    uint8_t last_byte;  // of the named curve's OID
    size_t size;        // of CKA_EC_PARAMS
    size_t order_bytes;
  };
  constexpr Curve kCurves[] = {{0x07, 10, 32}, {0x22, 7, 48}, {0x23, 7, 66}};  // P-256, P-384, P-521
  for (const Curve& curve : kCurves) {
    if (pair.curve.size() == curve.size && pair.curve.back() == curve.last_byte) return curve.order_bytes;
  }
  return pair.point.empty() ? 32 : pair.point.size() - 1;
}

absl::Status ReadEc(Session& session, const std::vector<FoundObject>& halves, KeyPairObject& pair) {
  ASSIGN_OR_RETURN(pair.curve, EitherAttribute(session, pair.handle, halves, CKA_EC_PARAMS));
  ASSIGN_OR_RETURN(Bytes point, EitherAttribute(session, pair.handle, halves, CKA_EC_POINT));
  if (point.empty()) {
    ASSIGN_OR_RETURN(const Bytes info, session.Attribute(pair.handle, CKA_PUBLIC_KEY_INFO));
    point = PointOfPublicKeyInfo(info);
  }
  if (!point.empty()) {
    ASSIGN_OR_RETURN(pair.point, CompressedPoint(point));
  }
  pair.order_bytes = OrderBytesOf(pair);
  return absl::OkStatus();
}

absl::Status ReadRsa(Session& session, const std::vector<FoundObject>& halves, KeyPairObject& pair) {
  ASSIGN_OR_RETURN(Bytes modulus, EitherAttribute(session, pair.handle, halves, CKA_MODULUS));
  ASSIGN_OR_RETURN(Bytes exponent, EitherAttribute(session, pair.handle, halves, CKA_PUBLIC_EXPONENT));
  pair.modulus = WithoutLeadingZeros(std::move(modulus));
  pair.exponent = WithoutLeadingZeros(std::move(exponent));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<FoundObject>> FindObjects(Session& session, CK_OBJECT_CLASS object_class,
                                                     const ObjectName& name) {
  ASSIGN_OR_RETURN(const std::vector<CK_OBJECT_HANDLE> handles, session.Find(Wanted(object_class, name)));
  const bool only_ours = name.label.has_value() && name.label->empty() && !name.id.has_value();
  std::vector<FoundObject> found;
  for (const CK_OBJECT_HANDLE handle : handles) {
    ASSIGN_OR_RETURN(Bytes id, session.Attribute(handle, CKA_ID));
    if (only_ours && !NumberOfMarker(id).has_value()) continue;
    found.push_back({handle, std::move(id)});
  }
  std::sort(found.begin(), found.end(), CountsMore);
  return found;
}

absl::StatusOr<std::vector<FoundObject>> FindPublicHalves(Session& session, const FoundObject& private_key,
                                                          const ObjectName& name) {
  if (!private_key.id.empty()) {
    ObjectName by_id = {.id = std::string(ToText(private_key.id))};
    ObjectName by_both = {.label = name.label, .id = by_id.id};
    for (const ObjectName& tried : {by_both, by_id}) {
      ASSIGN_OR_RETURN(auto found, FindObjects(session, CKO_PUBLIC_KEY, tried));
      if (!found.empty()) return found;
    }
  }
  if (!name.label.has_value()) return std::vector<FoundObject>();
  return FindObjects(session, CKO_PUBLIC_KEY, {.label = name.label});
}

absl::StatusOr<CK_KEY_TYPE> KeyTypeOf(Session& session, CK_OBJECT_HANDLE key) {
  return session.NumberAttribute(key, CKA_KEY_TYPE);
}

absl::StatusOr<SecretKeyObject> FindSecretKey(Session& session, const ObjectName& name) {
  ASSIGN_OR_RETURN(const auto found, FindObjects(session, CKO_SECRET_KEY, name));
  if (found.empty()) return absl::NotFoundError("there is no such secret key");
  ASSIGN_OR_RETURN(const CK_KEY_TYPE type, KeyTypeOf(session, found.front().handle));
  return SecretKeyObject{found.front().handle, type};
}

absl::StatusOr<KeyPairObject> FindKeyPair(Session& session, const ObjectName& name) {
  ASSIGN_OR_RETURN(const auto found, FindObjects(session, CKO_PRIVATE_KEY, name));
  if (found.empty()) return absl::NotFoundError("there is no such private key");
  ASSIGN_OR_RETURN(const CK_KEY_TYPE type, KeyTypeOf(session, found.front().handle));
  ASSIGN_OR_RETURN(const auto halves, FindPublicHalves(session, found.front(), name));
  KeyPairObject pair{.handle = found.front().handle,
                     .family = type == CKK_EC ? KeyFamily::kEc : KeyFamily::kRsa};
  if (type == CKK_EC) {
    RETURN_IF_ERROR(ReadEc(session, halves, pair));
  } else if (type == CKK_RSA) {
    RETURN_IF_ERROR(ReadRsa(session, halves, pair));
  } else {
    return absl::FailedPreconditionError(
        absl::StrCat("the private key is neither EC nor RSA, but CKK 0x", absl::Hex(type)));
  }
  return pair;
}

}  // namespace aziot::keyd::pkcs11
