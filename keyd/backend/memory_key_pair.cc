#include "keyd/backend/memory_key_pair.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/openssl/error_queue.h"
#include "common/status/status_macros.h"
#include "keyd/backend/locked_allocations.h"

namespace aziot::keyd {
namespace {

// OBJECT IDENTIFIER 1.2.840.10045.3.1.7 (RFC 5480, 2.1.1.1).
constexpr uint8_t kP256Oid[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

absl::Status Failed(absl::string_view doing) {
  return openssl::ErrorFromQueue(absl::StatusCode::kInternal, doing);
}
absl::Status WrongFamily() {
  return absl::InvalidArgumentError("the operation does not fit the key pair's algorithm");
}

struct FreeSecure {
  void operator()(char* p) const { OPENSSL_secure_free(p); }
};

// What PEM_bytes_read_bio_secmem hands out: DER in secure memory.
struct SecureDer {
  uint8_t* data = nullptr;
  long size = 0;
  ~SecureDer() { OPENSSL_secure_clear_free(data, static_cast<size_t>(size)); }
};

int RefusePassword(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

openssl::BioPtr Reader(BytesView bytes) {
  return openssl::BioPtr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

// Want of memory must not look like a torn file: that one would be overwritten.
absl::Status ReadingFailed() {
  const absl::Status failure =
      openssl::ErrorFromQueue(absl::StatusCode::kInvalidArgument, "reading a private key");
  if (!absl::StrContains(failure.message(), ERR_reason_error_string(ERR_R_MALLOC_FAILURE))) return failure;
  return absl::ResourceExhaustedError(failure.message());
}

absl::Status Encrypted() {
  return absl::FailedPreconditionError("the private key is encrypted; store it decrypted (openssl pkey)");
}

// Any whole PEM block, for example a certificate put where a key belongs.
bool HoldsWholeBlock(BytesView pem) {
  const openssl::BioPtr in = Reader(pem);
  char* name = nullptr;
  char* header = nullptr;
  SecureDer der;
  if (PEM_read_bio_ex(in.get(), &name, &header, &der.data, &der.size, PEM_FLAG_SECURE) != 1) return false;
  FreeSecure()(name);
  FreeSecure()(header);
  return true;
}

std::string GroupName(EVP_PKEY& key) {
  char name[64] = "";
  size_t size = 0;
  if (EVP_PKEY_get_utf8_string_param(&key, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof name, &size) != 1) {
    return "";
  }
  return std::string(name, size);
}

bool IsP256(EVP_PKEY& key) { return GroupName(key) == "prime256v1"; }

absl::StatusOr<Bytes> CompressedPoint(EVP_PKEY& key) {
  size_t size = 0;
  if (EVP_PKEY_get_octet_string_param(&key, OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0, &size) != 1) {
    return Failed("reading the public point");
  }
  Bytes point(size);
  if (EVP_PKEY_get_octet_string_param(&key, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(), &size) !=
      1) {
    return Failed("reading the public point");
  }
  point.resize(size);
  // Uncompressed, 04 || x || y: y's parity is all that stays of y (SEC 1, 2.3.3).
  if (point.size() > 2 && point[0] == 0x04) {
    point[0] = (point.back() & 1) == 0 ? 0x02 : 0x03;
    point.resize(1 + (point.size() - 1) / 2);
  }
  return point;
}

absl::StatusOr<Bytes> Number(EVP_PKEY& key, const char* name) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(&key, name, &raw) != 1) return Failed("reading an RSA parameter");
  const openssl::BignumPtr number(raw);
  Bytes bytes(static_cast<size_t>(BN_num_bytes(number.get())));
  BN_bn2bin(number.get(), bytes.data());
  return bytes;
}

}  // namespace

MemoryKeyPair::MemoryKeyPair(openssl::PkeyPtr key, KeyFamily family)
    : key_(std::move(key)), family_(family), slow_(family != KeyFamily::kEc || !IsP256(*key_)) {
  if (family_ != KeyFamily::kRsa) return;
  // The first private operation leaves values made of the primes with the key. A pair that fails it fails
  // again when it is used, and says why.
  const LockedAllocations here;
  Bytes two(static_cast<size_t>(EVP_PKEY_get_size(key_.get())));
  if (!two.empty()) two.back() = 2;
  RsaPrivate(RsaPadding::kNone, two).IgnoreError();
}

absl::StatusOr<std::unique_ptr<MemoryKeyPair>> MemoryKeyPair::Generate(KeyAlgorithm algorithm) {
  const AlgorithmFacts& facts = FactsOf(algorithm);
  openssl::PkeyPtr key(facts.family == KeyFamily::kEc ? EVP_EC_gen(facts.openssl_group)
                                                      : EVP_RSA_gen(static_cast<unsigned>(facts.rsa_bits)));
  if (key == nullptr) return Failed(absl::StrCat("generating a pair of ", facts.word));
  return std::unique_ptr<MemoryKeyPair>(new MemoryKeyPair(std::move(key), facts.family));
}

absl::StatusOr<std::unique_ptr<MemoryKeyPair>> MemoryKeyPair::ParsePem(BytesView pem) {
  const openssl::BioPtr in = Reader(pem);
  SecureDer der;
  char* raw_name = nullptr;
  bool asked_password = false;
  const int read = PEM_bytes_read_bio_secmem(&der.data, &der.size, &raw_name, PEM_STRING_EVP_PKEY, in.get(),
                                             RefusePassword, &asked_password);
  const std::unique_ptr<char, FreeSecure> name(raw_name);
  if (read != 1) {
    const absl::Status failure = ReadingFailed();
    if (asked_password) return Encrypted();
    if (HoldsWholeBlock(pem)) return absl::FailedPreconditionError("the PEM file holds no private key");
    openssl::ErrorFromQueue(absl::StatusCode::kInvalidArgument, "").IgnoreError();
    return failure;
  }
  if (strcmp(name.get(), PEM_STRING_PKCS8) == 0) return Encrypted();

  const uint8_t* at = der.data;
  openssl::PkeyPtr key(d2i_AutoPrivateKey(nullptr, &at, der.size));
  if (key == nullptr) return ReadingFailed();
  switch (EVP_PKEY_get_base_id(key.get())) {
    case EVP_PKEY_EC:
      return std::unique_ptr<MemoryKeyPair>(new MemoryKeyPair(std::move(key), KeyFamily::kEc));
    case EVP_PKEY_RSA:
      return std::unique_ptr<MemoryKeyPair>(new MemoryKeyPair(std::move(key), KeyFamily::kRsa));
    default:
      return absl::FailedPreconditionError("the private key is neither EC nor RSA");
  }
}

absl::StatusOr<Secret> MemoryKeyPair::FormatPem() const {
  const openssl::BioPtr out(BIO_new(BIO_s_secmem()));
  if (out == nullptr ||
      PEM_write_bio_PKCS8PrivateKey(out.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return Failed("writing a private key");
  }
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return Secret(ToBytesView({text, static_cast<size_t>(size)}));
}

absl::StatusOr<Bytes> MemoryKeyPair::PublicParameter(PairParameter parameter) const {
  const bool is_ec = family_ == KeyFamily::kEc;
  switch (parameter) {
    case PairParameter::kEcCurveOid:
      if (!is_ec) return WrongFamily();
      if (!IsP256(*key_)) return absl::InvalidArgumentError("the pair is on a curve other than P-256");
      return Bytes(std::begin(kP256Oid), std::end(kP256Oid));
    case PairParameter::kEcPoint:
      if (!is_ec) return WrongFamily();
      return CompressedPoint(*key_);
    case PairParameter::kRsaModulus:
      if (is_ec) return WrongFamily();
      return Number(*key_, OSSL_PKEY_PARAM_RSA_N);
    case PairParameter::kRsaExponent:
      if (is_ec) return WrongFamily();
      return Number(*key_, OSSL_PKEY_PARAM_RSA_E);
  }
  return absl::InvalidArgumentError("unknown parameter");
}

absl::StatusOr<Bytes> MemoryKeyPair::SignDigest(BytesView digest) const {
  if (family_ != KeyFamily::kEc) return WrongFamily();
  const size_t order_bytes = (static_cast<size_t>(EVP_PKEY_get_bits(key_.get())) + 7) / 8;
  const BytesView cut = digest.first(std::min(digest.size(), order_bytes));

  openssl::PkeyCtxPtr signer = signers_.Take();
  if (signer == nullptr) {
    signer.reset(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr));
    if (signer == nullptr || EVP_PKEY_sign_init(signer.get()) != 1) return Failed("preparing ECDSA");
  }
  Bytes signature(static_cast<size_t>(EVP_PKEY_get_size(key_.get())));
  size_t size = signature.size();
  const uint8_t nothing = 0;
  if (EVP_PKEY_sign(signer.get(), signature.data(), &size, cut.empty() ? &nothing : cut.data(), cut.size()) !=
      1) {
    return Failed("signing with ECDSA");
  }
  signers_.Return(std::move(signer));
  signature.resize(size);
  return signature;
}

absl::StatusOr<Bytes> MemoryKeyPair::RsaPrivate(RsaPadding padding, BytesView input) const {
  if (family_ != KeyFamily::kRsa) return WrongFamily();
  // Without a digest set, OpenSSL's "sign" is the padding and the private operation alone.
  const openssl::PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr));
  if (context == nullptr || EVP_PKEY_sign_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(),
                                   padding == RsaPadding::kPkcs1 ? RSA_PKCS1_PADDING : RSA_NO_PADDING) != 1) {
    return Failed("preparing RSA");
  }
  Bytes output(static_cast<size_t>(EVP_PKEY_get_size(key_.get())));
  size_t size = output.size();
  const uint8_t nothing = 0;
  if (EVP_PKEY_sign(context.get(), output.data(), &size, input.empty() ? &nothing : input.data(),
                    input.size()) != 1) {
    return Failed("the private operation of RSA");
  }
  output.resize(size);
  return output;
}

}  // namespace aziot::keyd
