// EngineFixture: the built engine, found as programs find it, asking a KeyServer that holds one key of each
// kind. For tests only.
#pragma once

#include <gtest/gtest.h>
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/store.h>
#include <stdlib.h>

#include <string>

#include "openssl-engine/base64.h"
#include "openssl-engine/fake_keyd.h"
#include "openssl-engine/key_ref.h"
#include "openssl-engine/owned.h"

namespace aziot::openssl_engine {

using EnginePtr = std::unique_ptr<ENGINE, FreeWith<ENGINE_free>>;
using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;

// EVP_PKEY objects of the process that keyd knows nothing of, one of each type. Never freed: libcrypto ends
// before static objects do.
inline EVP_PKEY* SoftwareKey(const std::string& type) {
  // Read, not made: making one under valgrind takes minutes on a bad day.
  static EVP_PKEY* const rsa = [] {
    const std::unique_ptr<BIO, FreeWith<BIO_free_all>> pem(BIO_new_file(AZIOT_TEST_RSA, "r"));
    return PEM_read_bio_PrivateKey(pem.get(), nullptr, nullptr, nullptr);
  }();
  static EVP_PKEY* const ec = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
  return type == "rsa" ? rsa : ec;
}

// The error queue as text; empties it.
inline std::string Errors() {
  std::string text;
  const char* function = nullptr;
  const char* data = nullptr;
  int flags = 0;
  while (const unsigned long code = ERR_get_error_all(nullptr, nullptr, &function, &data, &flags)) {
    char line[256];
    ERR_error_string_n(code, line, sizeof line);
    text += std::string(line) + " " + function + " [" + ((flags & ERR_TXT_STRING) != 0 ? data : "") + "]\n";
  }
  return text;
}

class EngineFixture : public testing::Test {
 protected:
  EngineFixture() {
    setenv("OPENSSL_ENGINES", AZIOT_ENGINES_DIR, 1);
    ERR_clear_error();
    keyd_.SetKey("rsa", SoftwareKey("rsa"));
    keyd_.SetKey("ec", SoftwareKey("ec"));
    engine_.reset(ENGINE_by_id("aziot_keys"));
  }
  ~EngineFixture() override {
    if (initialised_) ENGINE_finish(engine_.get());
  }
  void SetUp() override {
    ASSERT_NE(engine_, nullptr) << Errors();
    ASSERT_EQ(ENGINE_ctrl_cmd_string(engine_.get(), "SOCKET_PATH", keyd_.socket_path().c_str(), 0), 1);
    initialised_ = ENGINE_init(engine_.get()) == 1;
    ASSERT_TRUE(initialised_) << Errors();
  }

  PkeyPtr LoadPrivate(const std::string& name) const {
    return PkeyPtr(ENGINE_load_private_key(engine_.get(), name.c_str(), nullptr, nullptr));
  }
  PkeyPtr LoadPublic(const std::string& name) const {
    return PkeyPtr(ENGINE_load_public_key(engine_.get(), name.c_str(), nullptr, nullptr));
  }

  static Bytes Sign(EVP_PKEY* key, const EVP_MD* md, int padding = 0) {
    const MdCtxPtr ctx(EVP_MD_CTX_new());
    EVP_PKEY_CTX* pkey_ctx = nullptr;
    Bytes signature(1024);
    size_t length = signature.size();
    if (EVP_DigestSignInit(ctx.get(), &pkey_ctx, md, nullptr, key) != 1 ||
        (padding != 0 && EVP_PKEY_CTX_set_rsa_padding(pkey_ctx, padding) != 1) ||
        EVP_DigestSign(ctx.get(), signature.data(), &length, kMessage, sizeof kMessage) != 1) {
      return {};
    }
    signature.resize(length);
    return signature;
  }
  static bool Verify(EVP_PKEY* key, const EVP_MD* md, const Bytes& signature, int padding = 0) {
    const MdCtxPtr ctx(EVP_MD_CTX_new());
    EVP_PKEY_CTX* pkey_ctx = nullptr;
    return EVP_DigestVerifyInit(ctx.get(), &pkey_ctx, md, nullptr, key) == 1 &&
           (padding == 0 || EVP_PKEY_CTX_set_rsa_padding(pkey_ctx, padding) == 1) &&
           EVP_DigestVerify(ctx.get(), signature.data(), signature.size(), kMessage, sizeof kMessage) == 1;
  }

  // A certificate of `key`, signed by itself.
  static X509Ptr NewCertificate(EVP_PKEY* key) {
    X509Ptr certificate(X509_new());
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_NAME* name = X509_get_subject_name(certificate.get());
    const auto* common_name = reinterpret_cast<const unsigned char*>("device");
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common_name, -1, -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    X509_set_pubkey(certificate.get(), key);
    if (X509_sign(certificate.get(), key, EVP_sha256()) <= 0) return nullptr;
    return certificate;
  }

  static constexpr unsigned char kMessage[] = "what is signed";
  KeyServer keyd_;
  EnginePtr engine_;
  bool initialised_ = false;
};

}  // namespace aziot::openssl_engine
