#include "openssl-engine/provider/signature_settings.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

namespace aziot::openssl_engine {
namespace {

struct Word {
  const char* text;
  int value;
};
constexpr Word kPaddings[] = {
    {"pkcs1", RSA_PKCS1_PADDING},
    {"pss", RSA_PKCS1_PSS_PADDING},
    {"none", RSA_NO_PADDING},
};
constexpr int kSaltAutoDigestMax = -4;  // RSA_PSS_SALTLEN_AUTO_DIGEST_MAX, since OpenSSL 3.1
constexpr Word kSaltLengths[] = {
    {"digest", RSA_PSS_SALTLEN_DIGEST},
    {"max", RSA_PSS_SALTLEN_MAX},
    {"auto", RSA_PSS_SALTLEN_AUTO},
    {"auto-digestmax", kSaltAutoDigestMax},
};

// An integer, a word of `words`, or (for salt lengths) an integer written as text.
template <size_t n>
std::optional<int> ReadNumberOrWord(const OSSL_PARAM& param, const Word (&words)[n]) {
  int number = 0;
  if (param.data_type != OSSL_PARAM_UTF8_STRING) {
    if (OSSL_PARAM_get_int(&param, &number) != 1) return std::nullopt;
    return number;
  }
  const char* text = nullptr;
  if (OSSL_PARAM_get_utf8_string_ptr(&param, &text) != 1 || text == nullptr) return std::nullopt;
  for (const Word& word : words) {
    if (std::strcmp(word.text, text) == 0) return word.value;
  }
  const char* const end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

template <size_t n>
bool WriteNumberOrWord(OSSL_PARAM* param, int value, const Word (&words)[n]) {
  if (param->data_type != OSSL_PARAM_UTF8_STRING) return OSSL_PARAM_set_int(param, value) == 1;
  for (const Word& word : words) {
    if (word.value == value) return OSSL_PARAM_set_utf8_string(param, word.text) == 1;
  }
  return OSSL_PARAM_set_utf8_string(param, std::to_string(value).c_str()) == 1;
}

Failure Invalid(std::string text) { return {Reason::kInvalidInput, std::move(text)}; }

// A name arrives as SHA256, SHA2-256 or SHA-256: fetching finds the one digest that all of them mean.
MdPtr FetchDigest(const ProviderContext& provider, const char* name, const std::string& properties) {
  if (properties.empty()) return provider.FindDigest(name);
  return MdPtr(EVP_MD_fetch(provider.software().libctx, name, properties.c_str()));
}

// The text of a parameter, or null when it is no text.
const char* Text(const OSSL_PARAM* param) {
  const char* text = nullptr;
  return OSSL_PARAM_get_utf8_string_ptr(param, &text) == 1 ? text : nullptr;
}

const char* NameOrEmpty(const EVP_MD* md) { return md == nullptr ? "" : EVP_MD_get0_name(md); }

}  // namespace

SignatureSettings SignatureSettings::Copy() const {
  return {type, Share(md.get()), padding, salt_length, Share(mgf1_md.get()), properties};
}

Result<bool> SignatureSettings::SetDigest(const ProviderContext& provider, const char* name) {
  md = FetchDigest(provider, name, properties);
  if (md == nullptr) return Invalid("no provider offers the digest " + std::string(name));
  if ((EVP_MD_get_flags(md.get()) & EVP_MD_FLAG_XOF) != 0) {
    md.reset();
    return Invalid("the digest " + std::string(name) + " has no fixed length");
  }
  return true;
}

Result<bool> SignatureSettings::Set(const ProviderContext& provider, const OSSL_PARAM params[],
                                    bool digest_fixed) {
  if (params == nullptr) return true;
  if (const OSSL_PARAM* param = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PROPERTIES)) {
    const char* text = Text(param);
    properties = text == nullptr ? "" : text;
  }
  if (const OSSL_PARAM* param = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST)) {
    const char* name = Text(param);
    if (name == nullptr) return Invalid("the digest's name is no text");
    if (!digest_fixed) {
      Result<bool> set = SetDigest(provider, name);
      if (!set.ok()) return set;
    } else if (md == nullptr || EVP_MD_is_a(md.get(), name) != 1) {
      return Invalid("the digest cannot be changed after the start of a signature over a message");
    }
  }
  if (type == KeyType::kEc) return true;

  if (const OSSL_PARAM* param = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE)) {
    const std::optional<int> mode = ReadNumberOrWord(*param, kPaddings);
    const bool known = mode && std::any_of(std::begin(kPaddings), std::end(kPaddings),
                                           [&](const Word& word) { return word.value == *mode; });
    if (!known) return Invalid("this RSA padding is not offered; pkcs1, pss and none are");
    padding = *mode;
  }
  if (const OSSL_PARAM* param = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN)) {
    const std::optional<int> length = ReadNumberOrWord(*param, kSaltLengths);
    if (!length || *length < kSaltAutoDigestMax) return Invalid("no such PSS salt length");
    if (padding != RSA_PKCS1_PSS_PADDING) return Invalid("a salt length needs PSS padding");
    salt_length = *length;
  }
  if (const OSSL_PARAM* param = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST)) {
    const char* name = Text(param);
    if (name == nullptr || padding != RSA_PKCS1_PSS_PADDING)
      return Invalid("an MGF1 digest needs PSS padding");
    const OSSL_PARAM* query = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_MGF1_PROPERTIES);
    const char* text = query == nullptr ? nullptr : Text(query);
    mgf1_md = FetchDigest(provider, name, text == nullptr ? properties : text);
    if (mgf1_md == nullptr) return Invalid("no provider offers the MGF1 digest " + std::string(name));
  }
  return true;
}

bool SignatureSettings::Get(OSSL_PARAM params[], const EVP_PKEY* key) const {
  if (params == nullptr) return true;
  if (OSSL_PARAM* param = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID)) {
    const Bytes id = FormatAlgorithmId(*this, key);
    if (id.empty() || OSSL_PARAM_set_octet_string(param, id.data(), id.size()) != 1) return false;
  }
  if (OSSL_PARAM* param = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST)) {
    if (OSSL_PARAM_set_utf8_string(param, NameOrEmpty(md.get())) != 1) return false;
  }
  if (type == KeyType::kEc) {
    OSSL_PARAM* param = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST_SIZE);
    const size_t size = md == nullptr ? 0 : static_cast<size_t>(EVP_MD_get_size(md.get()));
    return param == nullptr || OSSL_PARAM_set_size_t(param, size) == 1;
  }
  if (OSSL_PARAM* param = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_PAD_MODE)) {
    if (!WriteNumberOrWord(param, padding, kPaddings)) return false;
  }
  if (OSSL_PARAM* param = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN)) {
    if (!WriteNumberOrWord(param, salt_length, kSaltLengths)) return false;
  }
  if (OSSL_PARAM* param = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST)) {
    const EVP_MD* mask = mgf1_md != nullptr ? mgf1_md.get() : md.get();
    if (OSSL_PARAM_set_utf8_string(param, NameOrEmpty(mask)) != 1) return false;
  }
  return true;
}

bool SignatureSettings::Apply(EVP_PKEY_CTX* ctx) const {
  if (type == KeyType::kRsa && EVP_PKEY_CTX_set_rsa_padding(ctx, padding) <= 0) return false;
  if (md != nullptr && EVP_PKEY_CTX_set_signature_md(ctx, md.get()) <= 0) return false;
  if (type == KeyType::kEc || padding != RSA_PKCS1_PSS_PADDING) return true;
  return EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt_length) > 0 &&
         (mgf1_md == nullptr || EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, mgf1_md.get()) > 0);
}

Result<size_t> SignatureSettings::ResolveSaltLength(const EVP_PKEY* key) const {
  const int digest = md == nullptr ? 0 : EVP_MD_get_size(md.get());
  // RFC 8017, 9.1.1: the encoded message has one bit less than the modulus.
  const int room = (EVP_PKEY_get_bits(key) - 1 + 7) / 8 - digest - 2;
  int length = salt_length;
  if (salt_length == RSA_PSS_SALTLEN_DIGEST) length = digest;
  if (salt_length == RSA_PSS_SALTLEN_MAX || salt_length == RSA_PSS_SALTLEN_AUTO) length = room;
  if (salt_length == kSaltAutoDigestMax) length = std::min(room, digest);
  if (digest <= 0 || length < 0 || length > room)
    return Invalid("the RSA key is too small for PSS with this digest");
  return static_cast<size_t>(length);
}

const OSSL_PARAM* SignatureSettings::Settable(KeyType type) {
  static const OSSL_PARAM kEc[] = {
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PROPERTIES, nullptr, 0),
      OSSL_PARAM_END,
  };
  static const OSSL_PARAM kRsa[] = {
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PROPERTIES, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_PROPERTIES, nullptr, 0),
      OSSL_PARAM_END,
  };
  return type == KeyType::kRsa ? kRsa : kEc;
}

const OSSL_PARAM* SignatureSettings::Gettable(KeyType type) {
  static const OSSL_PARAM kEc[] = {
      OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, nullptr, 0),
      OSSL_PARAM_size_t(OSSL_SIGNATURE_PARAM_DIGEST_SIZE, nullptr),
      OSSL_PARAM_END,
  };
  static const OSSL_PARAM kRsa[] = {
      OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, nullptr, 0),
      OSSL_PARAM_END,
  };
  return type == KeyType::kRsa ? kRsa : kEc;
}

}  // namespace aziot::openssl_engine
