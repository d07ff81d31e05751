#include "certd/renewal/keyd_pairs.h"

#include <openssl/core_names.h>

#include "absl/strings/str_cat.h"
#include "aziot/keys/v1/keys.pb.h"
#include "common/bytes/base64.h"
#include "common/openssl/error_queue.h"
#include "common/openssl/owned.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::certd {
namespace {

absl::Status Failed(absl::string_view doing) {
  return openssl::ErrorFromQueue(absl::StatusCode::kInternal, doing);
}

// As keyd tells it: the compressed point (SEC 1, 2.3.3).
absl::StatusOr<std::string> PointOf(const EVP_PKEY& key) {
  Bytes point(2 * static_cast<size_t>(EVP_PKEY_get_size(&key)) + 1);
  size_t size = 0;
  if (EVP_PKEY_get_octet_string_param(&key, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(), &size) !=
      1) {
    return Failed("reading a public point");
  }
  point.resize(size);
  if (size > 2 && point[0] == 0x04) {
    point[0] = (point.back() & 1) == 0 ? 0x02 : 0x03;
    point.resize(1 + (size - 1) / 2);
  }
  return FormatBase64(point);
}

absl::StatusOr<std::string> ModulusOf(const EVP_PKEY& key) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(&key, OSSL_PKEY_PARAM_RSA_N, &raw) != 1) return Failed("reading a modulus");
  const openssl::BignumPtr modulus(raw);
  Bytes bytes(static_cast<size_t>(BN_num_bytes(raw)));
  BN_bn2bin(raw, bytes.data());
  return FormatBase64(bytes);
}

}  // namespace

absl::StatusOr<std::string> KeydPairs::Parameter(const std::string& handle, const std::string& name) {
  keys::v1::GetParameterRequest request;
  request.set_name(name);
  request.set_key_handle(handle);
  ASSIGN_OR_RETURN(const keys::v1::Parameter parameter,
                   keyd_.Call<keys::v1::Parameter>("aziot.keys.v1.Keys.GetParameter", request));
  return parameter.value();
}

absl::StatusOr<bool> KeydPairs::Holds(const KeyId& id, const EVP_PKEY& key) {
  keys::v1::GetKeyRequest request;
  request.set_id(id.value());
  const auto handle = keyd_.Call<keys::v1::KeyHandle>("aziot.keys.v1.Keys.GetKeyPair", request);
  if (absl::IsInvalidArgument(handle.status())) return false;  // keyd's word for "there is none"
  if (!handle.ok()) return Annotate(handle.status(), absl::StrCat("asking keyd for key pair ", id.value()));
  const bool is_rsa = EVP_PKEY_get_base_id(&key) == EVP_PKEY_RSA;
  ASSIGN_OR_RETURN(const std::string family, Parameter(handle->key_handle(), "algorithm"));
  if (family != (is_rsa ? "RSA" : "ECDSA")) return false;
  ASSIGN_OR_RETURN(const std::string held,
                   Parameter(handle->key_handle(), is_rsa ? "rsa-modulus" : "ec-point"));
  ASSIGN_OR_RETURN(const std::string wanted, is_rsa ? ModulusOf(key) : PointOf(key));
  return held == wanted;
}

absl::Status KeydPairs::Move(const KeyId& from, const KeyId& to) {
  keys::v1::MoveRequest request;
  request.set_from(from.value());
  request.set_to(to.value());
  return keyd_.Call<keys::v1::Done>("aziot.keys.v1.Keys.MoveKeyPair", request).status();
}

}  // namespace aziot::certd
