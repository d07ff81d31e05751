// ProviderFixture: a library context of its own with `default` and the built `aziot_keys` module, in either
// order of activation, and a KeyServer that holds one key of each kind.
#pragma once

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/store.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

#include "openssl-engine/fake_keyd.h"
#include "openssl-engine/key_ref.h"
#include "openssl-engine/owned.h"

namespace aziot::openssl_engine {

using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;
using X509ReqPtr = std::unique_ptr<X509_REQ, FreeWith<X509_REQ_free>>;
using StorePtr = std::unique_ptr<OSSL_STORE_CTX, FreeWith<OSSL_STORE_close>>;
using StoreInfoPtr = std::unique_ptr<OSSL_STORE_INFO, FreeWith<OSSL_STORE_INFO_free>>;

// In the third, a property query sends everything that is nobody's in particular to the default provider.
enum class Order { kDefaultFirst, kOursFirst, kOursFirstWithQuery };
constexpr Order kOrders[] = {Order::kDefaultFirst, Order::kOursFirst, Order::kOursFirstWithQuery};

inline const char* OrderName(Order order) {
  constexpr const char* kNames[] = {"DefaultFirst", "OursFirst", "OursFirstWithQuery"};
  return kNames[static_cast<size_t>(order)];
}

class ProviderFixture : public testing::Test {
 protected:
  explicit ProviderFixture(Order order = Order::kDefaultFirst) {
    OSSL_PROVIDER_set_default_search_path(libctx(), AZIOT_MODULE_DIR);
    const bool ours_first = order != Order::kDefaultFirst;
    if (order == Order::kOursFirstWithQuery) EVP_set_default_properties(libctx(), "?provider=default");
    first_ = OSSL_PROVIDER_load(libctx(), ours_first ? "aziot_keys" : "default");
    second_ = OSSL_PROVIDER_load(libctx(), ours_first ? "default" : "aziot_keys");
    keyd_.SetKey("rsa", rsa_.get());
    keyd_.SetKey("ec", ec_.get());
  }
  ~ProviderFixture() override {
    OSSL_PROVIDER_unload(second_);
    OSSL_PROVIDER_unload(first_);
  }
  void SetUp() override {
    ASSERT_NE(first_, nullptr) << Errors();
    ASSERT_NE(second_, nullptr) << Errors();
    ERR_clear_error();
  }

  OSSL_LIB_CTX* libctx() const { return libctx_.get(); }

  std::string UriOf(const std::string& id) const {
    return "aziot:handle=" + PercentEncode(KeyServer::HandleOf(id)) + keyd_.SocketAttribute();
  }

  // The key that the store has behind `uri`, null when none.
  PkeyPtr Load(const std::string& uri, int expect = 0) const {
    const StorePtr store(
        OSSL_STORE_open_ex(uri.c_str(), libctx(), nullptr, nullptr, nullptr, nullptr, nullptr, nullptr));
    if (store == nullptr) return nullptr;
    if (expect != 0) OSSL_STORE_expect(store.get(), expect);
    PkeyPtr key;
    while (OSSL_STORE_eof(store.get()) != 1) {
      const StoreInfoPtr info(OSSL_STORE_load(store.get()));
      if (info == nullptr) continue;
      key.reset(OSSL_STORE_INFO_get_type(info.get()) == OSSL_STORE_INFO_PUBKEY
                    ? OSSL_STORE_INFO_get1_PUBKEY(info.get())
                    : OSSL_STORE_INFO_get1_PKEY(info.get()));
    }
    return key;
  }

  // The certificates behind `uri`, in their order.
  std::vector<X509Ptr> LoadChain(const std::string& uri, int expect = OSSL_STORE_INFO_CERT) const {
    std::vector<X509Ptr> chain;
    const StorePtr store(
        OSSL_STORE_open_ex(uri.c_str(), libctx(), nullptr, nullptr, nullptr, nullptr, nullptr, nullptr));
    if (store == nullptr) return chain;
    if (expect != 0) OSSL_STORE_expect(store.get(), expect);
    while (OSSL_STORE_eof(store.get()) != 1) {
      const StoreInfoPtr info(OSSL_STORE_load(store.get()));
      if (info != nullptr) chain.emplace_back(OSSL_STORE_INFO_get1_CERT(info.get()));
    }
    return chain;
  }

  // The error queue as text; empties it.
  static std::string Errors() {
    std::string text;
    const char* data = nullptr;
    int flags = 0;
    while (const unsigned long code = ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags)) {
      char line[256];
      ERR_error_string_n(code, line, sizeof line);
      text += std::string(line) + " [" + ((flags & ERR_TXT_STRING) != 0 ? data : "") + "]\n";
    }
    return text;
  }

  // A certificate for `subject` whose key is `key`, not signed yet.
  X509Ptr NewCertificate(EVP_PKEY* key) const {
    X509Ptr certificate(X509_new_ex(libctx(), nullptr));
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_NAME* name = X509_get_subject_name(certificate.get());
    const auto* common_name = reinterpret_cast<const unsigned char*>("device");
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common_name, -1, -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    X509_set_pubkey(certificate.get(), key);
    return certificate;
  }

  // One key of each type serves all tests: RSA takes its time. Never freed: libcrypto ends before static
  // objects do.
  static PkeyPtr OnceMade(const std::string& type) {
    static EVP_PKEY* const kRsa = EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{2048});
    static EVP_PKEY* const kEc = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
    return Share(type == "RSA" ? kRsa : kEc);
  }
  static PkeyPtr OnceMadeRsa4096() {
    static EVP_PKEY* const kRsa = EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{4096});
    return Share(kRsa);
  }

  LibCtxPtr libctx_{OSSL_LIB_CTX_new()};
  OSSL_PROVIDER* first_ = nullptr;
  OSSL_PROVIDER* second_ = nullptr;
  PkeyPtr rsa_ = OnceMade("RSA");
  PkeyPtr ec_ = OnceMade("EC");
  KeyServer keyd_;
};

}  // namespace aziot::openssl_engine
