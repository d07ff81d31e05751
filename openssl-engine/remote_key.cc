#include "openssl-engine/remote_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include <algorithm>

#include "openssl-engine/json.h"

namespace aziot::openssl_engine {
namespace {

constexpr uint8_t kP256Oid[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

Failure Rotated() {
  return {Reason::kRotated,
          "the key was rotated in keyd: its signature does not belong to the public key loaded before; "
          "reload the key"};
}

Failure CryptoFailed(std::string text) { return {Reason::kCrypto, std::move(text)}; }

Result<PkeyPtr> MakePublicKey(const Software& software, bool is_rsa, OSSL_PARAM_BLD* build) {
  const ParamsPtr params(OSSL_PARAM_BLD_to_param(build));
  const PkeyCtxPtr ctx(EVP_PKEY_CTX_new_from_name(software.libctx, FetchName(is_rsa), software.properties));
  EVP_PKEY* key = nullptr;
  if (params == nullptr || ctx == nullptr || EVP_PKEY_fromdata_init(ctx.get()) <= 0 ||
      EVP_PKEY_fromdata(ctx.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) <= 0) {
    return CryptoFailed(
        std::string("the public ") + (is_rsa ? "RSA" : "EC") +
        " key that keyd gave cannot be used; is a provider with software keys (default) active?");
  }
  return PkeyPtr(key);
}

// keyd gives compressed points; certificates and TLS want uncompressed ones.
Result<Bytes> Uncompress(const Software& software, BytesView point) {
  using GroupPtr = std::unique_ptr<EC_GROUP, FreeWith<EC_GROUP_free>>;
  using PointPtr = std::unique_ptr<EC_POINT, FreeWith<EC_POINT_free>>;
  const GroupPtr group(
      EC_GROUP_new_by_curve_name_ex(software.libctx, software.properties, NID_X9_62_prime256v1));
  const PointPtr decoded(group == nullptr ? nullptr : EC_POINT_new(group.get()));
  Bytes out(65);
  if (decoded == nullptr ||
      EC_POINT_oct2point(group.get(), decoded.get(), point.data(), point.size(), nullptr) != 1 ||
      EC_POINT_point2oct(group.get(), decoded.get(), POINT_CONVERSION_UNCOMPRESSED, out.data(), out.size(),
                         nullptr) != out.size()) {
    return CryptoFailed("the EC point that keyd gave is not on P-256");
  }
  return out;
}

// The text `member` of keyd's answer to a call about a key.
Result<std::string> AskText(const Endpoint& endpoint, std::string request, std::string_view path,
                            std::string_view more_members, std::string_view member) {
  request.append(more_members).append("}");
  const Result<std::string> body = Call(endpoint, "POST", path, request);
  if (!body.ok()) return body.failure();
  Result<std::string> text = StringMember(*body, member);
  if (text.ok()) return text;
  return Failure{text.failure().reason, "POST " + std::string(path) + ": " + text.failure().text};
}

}  // namespace

Result<RemoteKey::Identity> RemoteKey::Identify(const KeyRef& ref, Endpoint endpoint) {
  if (!ref.cert_id.empty()) {
    return Failure{Reason::kInvalidName, "key name: aziot:cert= names a certificate, not a key"};
  }
  if (!ref.socket_path.empty()) endpoint.socket_path = ref.socket_path;
  Identity identity{{.handle = ref.handle, .socket_path = ref.socket_path}};
  if (ref.handle.empty()) {
    const Result<std::string> body = Call(endpoint, "GET", "/keypair/" + PercentEncode(ref.key_id), "");
    if (!body.ok()) return body.failure();
    Result<std::string> minted = StringMember(*body, "keyHandle");
    if (!minted.ok()) return minted.failure();
    identity.ref.handle = *std::move(minted);
  }
  const Result<std::string> algorithm =
      AskText(endpoint, BeginRequest(identity.ref.handle), "/parameters/algorithm", "", "value");
  if (!algorithm.ok()) return algorithm.failure();
  identity.is_rsa = *algorithm == "RSA";
  if (!identity.is_rsa && *algorithm != "ECDSA") {
    return Failure{Reason::kNotSupported, "keyd's key is neither RSA nor ECDSA"};
  }
  return identity;
}

Result<std::shared_ptr<const RemoteKey>> RemoteKey::Open(const KeyRef& ref, Endpoint endpoint,
                                                         const Software& software, Wanted wanted) {
  Result<Identity> identity = Identify(ref, endpoint);
  if (!identity.ok()) return identity.failure();
  const bool is_rsa = identity->is_rsa;
  if (wanted == (is_rsa ? Wanted::kEc : Wanted::kRsa)) return std::shared_ptr<const RemoteKey>();

  if (!ref.socket_path.empty()) endpoint.socket_path = ref.socket_path;
  std::shared_ptr<RemoteKey> key(new RemoteKey(*std::move(identity), std::move(endpoint), software));
  Result<PkeyPtr> public_key = is_rsa ? key->FetchRsa() : key->FetchEc();
  if (!public_key.ok()) return public_key.failure();
  key->public_key_ = *std::move(public_key);
  if (!key->PrepareCheck()) return CryptoFailed("no software RSA or ECDSA to check keyd's signatures with");
  return std::shared_ptr<const RemoteKey>(std::move(key));
}

std::string RemoteKey::BeginRequest(const std::string& handle) {
  return "{\"keyHandle\":" + QuoteJson(handle);
}

Result<Bytes> RemoteKey::Ask(std::string_view path, std::string_view more_members,
                             std::string_view member) const {
  const Result<std::string> text = AskText(endpoint_, request_, path, more_members, member);
  if (!text.ok()) return text.failure();
  std::optional<Bytes> bytes = ParseBase64(*text);
  if (!bytes || bytes->empty()) {
    return Failure{Reason::kBadAnswer,
                   "POST " + std::string(path) + ": \"" + std::string(member) + "\" is no base64"};
  }
  return *std::move(bytes);
}

Result<PkeyPtr> RemoteKey::FetchRsa() const {
  const Result<Bytes> modulus = Ask("/parameters/rsa-modulus", "", "value");
  if (!modulus.ok()) return modulus.failure();
  const Result<Bytes> exponent = Ask("/parameters/rsa-exponent", "", "value");
  if (!exponent.ok()) return exponent.failure();
  const BignumPtr n(BN_bin2bn(modulus->data(), static_cast<int>(modulus->size()), nullptr));
  const BignumPtr e(BN_bin2bn(exponent->data(), static_cast<int>(exponent->size()), nullptr));
  const ParamBuildPtr build(OSSL_PARAM_BLD_new());
  if (n == nullptr || e == nullptr || build == nullptr ||
      OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return CryptoFailed("building an RSA key");
  }
  return MakePublicKey(software_, /*is_rsa=*/true, build.get());
}

Result<PkeyPtr> RemoteKey::FetchEc() const {
  const Result<Bytes> curve = Ask("/parameters/ec-curve-oid", "", "value");
  if (!curve.ok()) return curve.failure();
  if (!std::equal(curve->begin(), curve->end(), std::begin(kP256Oid), std::end(kP256Oid))) {
    return Failure{Reason::kNotSupported, "keyd's key is on another curve than P-256"};
  }
  const Result<Bytes> given = Ask("/parameters/ec-point", "", "value");
  if (!given.ok()) return given.failure();
  const Result<Bytes> point = Uncompress(software_, *given);
  if (!point.ok()) return point.failure();
  const ParamBuildPtr build(OSSL_PARAM_BLD_new());
  if (build == nullptr ||
      OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, SN_X9_62_prime256v1, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point->data(), point->size()) !=
          1) {
    return CryptoFailed("building an EC key");
  }
  return MakePublicKey(software_, /*is_rsa=*/false, build.get());
}

// Fetching the implementation takes longer than copying a context that has it.
bool RemoteKey::PrepareCheck() {
  check_.reset(EVP_PKEY_CTX_new_from_pkey(software_.libctx, public_key_.get(), software_.properties));
  if (check_ == nullptr) return false;
  if (!is_rsa_) return EVP_PKEY_verify_init(check_.get()) > 0;
  return EVP_PKEY_encrypt_init(check_.get()) > 0 &&
         EVP_PKEY_CTX_set_rsa_padding(check_.get(), RSA_NO_PADDING) > 0;
}

Result<Bytes> RemoteKey::SignDigest(BytesView digest) const {
  const size_t order_length = (static_cast<size_t>(EVP_PKEY_get_bits(public_key_.get())) + 7) / 8;
  // FIPS 186-5, 6.4.1: the leftmost bits count. keyd cuts too, but a token behind an older one may not.
  digest = digest.first(std::min(digest.size(), order_length));
  const std::string members =
      ",\"algorithm\":\"ECDSA\",\"parameters\":{\"digest\":" + QuoteJson(FormatBase64(digest)) + "}";
  Result<Bytes> signature = Ask("/sign", members, "signature");
  if (!signature.ok()) return signature;

  ERR_set_mark();
  const PkeyCtxPtr ctx(EVP_PKEY_CTX_dup(check_.get()));
  const bool ours = ctx != nullptr && EVP_PKEY_verify(ctx.get(), signature->data(), signature->size(),
                                                      digest.data(), digest.size()) == 1;
  ERR_pop_to_mark();
  if (ctx == nullptr) return CryptoFailed("checking keyd's signature: no memory");
  if (!ours) return Rotated();
  return signature;
}

Result<Bytes> RemoteKey::SignPkcs1(BytesView block) const {
  const size_t length = static_cast<size_t>(EVP_PKEY_get_size(public_key_.get()));
  if (block.size() + 11 > length) {
    return Failure{Reason::kInvalidInput, "too many bytes for a PKCS#1 signature with this RSA key"};
  }
  Bytes encoded(length, 0xff);
  encoded[0] = 0;
  encoded[1] = 1;
  encoded[length - block.size() - 1] = 0;
  std::copy(block.begin(), block.end(), encoded.end() - static_cast<ptrdiff_t>(block.size()));
  return Encrypt("RSA-PKCS1", block, encoded);
}

Result<Bytes> RemoteKey::SignRaw(BytesView encoded) const {
  if (encoded.size() != static_cast<size_t>(EVP_PKEY_get_size(public_key_.get()))) {
    return Failure{Reason::kInvalidInput,
                   "a raw RSA operation takes exactly as many bytes as the modulus has"};
  }
  return Encrypt("RSA-NO-PADDING", encoded, encoded);
}

Result<Bytes> RemoteKey::Encrypt(std::string_view algorithm, BytesView input, BytesView encoded) const {
  const std::string members =
      ",\"algorithm\":" + QuoteJson(algorithm) + ",\"plaintext\":" + QuoteJson(FormatBase64(input));
  Result<Bytes> signature = Ask("/encrypt", members, "ciphertext");
  if (!signature.ok()) return signature;

  ERR_set_mark();
  const PkeyCtxPtr ctx(EVP_PKEY_CTX_dup(check_.get()));
  Bytes opened(encoded.size());
  size_t length = opened.size();
  const bool ours =
      ctx != nullptr && signature->size() == encoded.size() &&
      EVP_PKEY_encrypt(ctx.get(), opened.data(), &length, signature->data(), signature->size()) > 0 &&
      length == encoded.size() && std::equal(encoded.begin(), encoded.end(), opened.begin());
  ERR_pop_to_mark();
  if (ctx == nullptr) return CryptoFailed("checking keyd's signature: no memory");
  if (!ours) return Rotated();
  return signature;
}

}  // namespace aziot::openssl_engine
