#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>
#include <tuple>

#include "openssl-engine/base64.h"
#include "openssl-engine/provider/provider_fixture.h"

namespace aziot::openssl_engine {
namespace {

// Signs "message" and gives the signature; empty on failure. `configure` sees the key's context after the
// start.
template <class Configure>
Bytes SignMessage(OSSL_LIB_CTX* libctx, EVP_PKEY* key, const char* digest, Configure configure) {
  const MdCtxPtr ctx(EVP_MD_CTX_new());
  EVP_PKEY_CTX* pkey_ctx = nullptr;
  if (EVP_DigestSignInit_ex(ctx.get(), &pkey_ctx, digest, libctx, nullptr, key, nullptr) != 1) return {};
  configure(pkey_ctx);
  Bytes signature(1024);
  size_t length = signature.size();
  if (EVP_DigestSign(ctx.get(), signature.data(), &length, reinterpret_cast<const uint8_t*>("message"), 7) !=
      1) {
    return {};
  }
  signature.resize(length);
  return signature;
}
Bytes SignMessage(OSSL_LIB_CTX* libctx, EVP_PKEY* key, const char* digest) {
  return SignMessage(libctx, key, digest, [](EVP_PKEY_CTX*) {});
}

template <class Configure>
bool VerifyMessage(OSSL_LIB_CTX* libctx, EVP_PKEY* key, const char* digest, const Bytes& signature,
                   Configure configure) {
  const MdCtxPtr ctx(EVP_MD_CTX_new());
  EVP_PKEY_CTX* pkey_ctx = nullptr;
  if (EVP_DigestVerifyInit_ex(ctx.get(), &pkey_ctx, digest, libctx, nullptr, key, nullptr) != 1) return false;
  configure(pkey_ctx);
  return EVP_DigestVerify(ctx.get(), signature.data(), signature.size(),
                          reinterpret_cast<const uint8_t*>("message"), 7) == 1;
}
bool VerifyMessage(OSSL_LIB_CTX* libctx, EVP_PKEY* key, const char* digest, const Bytes& signature) {
  return VerifyMessage(libctx, key, digest, signature, [](EVP_PKEY_CTX*) {});
}

size_t OpenDescriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

// Every order of activation with every kind of key.
class KeyTest : public ProviderFixture, public testing::WithParamInterface<std::tuple<Order, const char*>> {
 protected:
  KeyTest() : ProviderFixture(std::get<0>(GetParam())) {
    if (id() == "rsa4096") original_ = OnceMadeRsa4096();
    if (id() == "rsa") original_ = Share(rsa_.get());
    if (id() == "ec") original_ = Share(ec_.get());
    keyd_.SetKey(id(), original());
  }
  std::string id() const { return std::get<1>(GetParam()); }
  bool is_rsa() const { return id() != "ec"; }
  EVP_PKEY* original() const { return original_.get(); }

 private:
  PkeyPtr original_;
};
INSTANTIATE_TEST_SUITE_P(
    All, KeyTest, testing::Combine(testing::ValuesIn(kOrders), testing::Values("rsa", "rsa4096", "ec")),
    [](const auto& info) {
      return std::string(OrderName(std::get<0>(info.param))) + "_" + std::get<1>(info.param);
    });

TEST_P(KeyTest, EveryFormOfNameLoadsTheKey) {
  for (const std::string& uri : {"aziot:" + KeyServer::HandleOf(id()),
                                 UriOf(id()).substr(0, UriOf(id()).find(';')), "AZIOT:key=" + id()}) {
    const PkeyPtr key = Load(uri + keyd_.SocketAttribute(), OSSL_STORE_INFO_PKEY);
    ASSERT_NE(key, nullptr) << uri << Errors();
    EXPECT_EQ(EVP_PKEY_get_bits(key.get()), EVP_PKEY_get_bits(original()));
    EXPECT_EQ(EVP_PKEY_get_security_bits(key.get()), EVP_PKEY_get_security_bits(original()));
    EXPECT_EQ(EVP_PKEY_get_size(key.get()), EVP_PKEY_get_size(original()));
    EXPECT_EQ(EVP_PKEY_get_base_id(key.get()), EVP_PKEY_get_base_id(original()));
    EXPECT_STREQ(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key.get())), "aziot_keys");
    char digest[32] = "";
    EXPECT_EQ(EVP_PKEY_get_default_digest_name(key.get(), digest, sizeof digest), 1);
    EXPECT_STREQ(digest, "SHA256");
  }
}

TEST_P(KeyTest, ItsPublicHalfIsTheOriginals) {
  const PkeyPtr key = Load(UriOf(id()));
  ASSERT_NE(key, nullptr) << Errors();
  uint8_t* der = nullptr;
  uint8_t* want = nullptr;
  const int length = i2d_PUBKEY(key.get(), &der);
  ASSERT_GT(length, 0) << Errors();
  ASSERT_EQ(length, i2d_PUBKEY(original(), &want));
  EXPECT_EQ(Bytes(der, der + length), Bytes(want, want + length));
  OPENSSL_free(der);
  OPENSSL_free(want);
}

TEST_P(KeyTest, ItsPrivateHalfStaysAway) {
  const PkeyPtr key = Load(UriOf(id()));
  ASSERT_NE(key, nullptr) << Errors();
  EXPECT_LE(i2d_PrivateKey(key.get(), nullptr), 0);
  OSSL_PARAM* params = nullptr;
  EXPECT_NE(EVP_PKEY_todata(key.get(), EVP_PKEY_KEYPAIR, &params), 1);
  BIGNUM* secret = nullptr;
  EXPECT_NE(EVP_PKEY_get_bn_param(key.get(), is_rsa() ? "d" : "priv", &secret), 1);
}

TEST_P(KeyTest, SignsWithEverySpellingOfADigest) {
  const PkeyPtr key = Load(UriOf(id()));
  ASSERT_NE(key, nullptr) << Errors();
  for (const char* digest : {"SHA256", "SHA2-256", "SHA-256", "SHA384", "SHA512", "SHA1", "SHA3-256"}) {
    const Bytes signature = SignMessage(libctx(), key.get(), digest);
    ASSERT_FALSE(signature.empty()) << digest << Errors();
    EXPECT_TRUE(VerifyMessage(nullptr, original(), digest, signature)) << digest;
    EXPECT_TRUE(VerifyMessage(libctx(), key.get(), digest, signature)) << digest << Errors();
  }
  const Bytes signature = SignMessage(libctx(), key.get(), nullptr);
  EXPECT_TRUE(VerifyMessage(nullptr, original(), "SHA256", signature)) << Errors();
}

TEST_P(KeyTest, ATamperedSignatureDoesNotVerify) {
  const PkeyPtr key = Load(UriOf(id()));
  Bytes signature = SignMessage(libctx(), key.get(), "SHA256");
  ASSERT_FALSE(signature.empty()) << Errors();
  signature.back() ^= 1;
  EXPECT_FALSE(VerifyMessage(libctx(), key.get(), "SHA256", signature));
}

TEST_P(KeyTest, SigningLeavesNoErrorBehind) {
  const PkeyPtr key = Load(UriOf(id()), OSSL_STORE_INFO_PKEY);
  ERR_clear_error();  // the store tries a file of that name first
  EXPECT_FALSE(SignMessage(libctx(), key.get(), "SHA256").empty());
  EXPECT_EQ(Errors(), "");
}

TEST_P(KeyTest, SignsCertificatesAndRequests) {
  const PkeyPtr key = Load(UriOf(id()));
  ASSERT_NE(key, nullptr) << Errors();
  const X509Ptr certificate = NewCertificate(key.get());
  const MdCtxPtr certificate_ctx(EVP_MD_CTX_new());
  ASSERT_EQ(
      EVP_DigestSignInit_ex(certificate_ctx.get(), nullptr, "SHA256", libctx(), nullptr, key.get(), nullptr),
      1);
  ASSERT_GT(X509_sign_ctx(certificate.get(), certificate_ctx.get()), 0) << Errors();
  EXPECT_EQ(X509_verify(certificate.get(), original()), 1) << Errors();
  EXPECT_EQ(X509_get_signature_nid(certificate.get()),
            is_rsa() ? NID_sha256WithRSAEncryption : NID_ecdsa_with_SHA256);
  EXPECT_EQ(X509_check_private_key(certificate.get(), key.get()), 1) << Errors();

  const X509ReqPtr request(X509_REQ_new_ex(libctx(), nullptr));
  X509_REQ_set_pubkey(request.get(), key.get());
  const MdCtxPtr request_ctx(EVP_MD_CTX_new());
  ASSERT_EQ(
      EVP_DigestSignInit_ex(request_ctx.get(), nullptr, "SHA384", libctx(), nullptr, key.get(), nullptr), 1);
  ASSERT_GT(X509_REQ_sign_ctx(request.get(), request_ctx.get()), 0) << Errors();
  EXPECT_EQ(X509_REQ_verify(request.get(), original()), 1) << Errors();
}

TEST_P(KeyTest, ACertificateOfAnotherKeyDoesNotMatch) {
  const PkeyPtr key = Load(UriOf(id()));
  const PkeyPtr other(is_rsa() ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{2048})
                               : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  EXPECT_NE(X509_check_private_key(NewCertificate(other.get()).get(), key.get()), 1);
}

TEST_P(KeyTest, ARotationIsNoticed) {
  const PkeyPtr key = Load(UriOf(id()));
  const PkeyPtr next(is_rsa() ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{2048})
                              : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  keyd_.SetKey(id(), next.get());
  ERR_clear_error();
  EXPECT_TRUE(SignMessage(libctx(), key.get(), "SHA256").empty());
  EXPECT_NE(Errors().find("the key was rotated in keyd"), std::string::npos);

  const PkeyPtr reloaded = Load(UriOf(id()));
  const Bytes signature = SignMessage(libctx(), reloaded.get(), "SHA256");
  EXPECT_TRUE(VerifyMessage(nullptr, next.get(), "SHA256", signature)) << Errors();
}

TEST_P(KeyTest, KeydsMessageReachesTheErrorQueue) {
  const PkeyPtr key = Load(UriOf(id()));
  keyd_.Refuse(400, "parameter \"handle\" has an invalid value\ncaused by: invalid handle");
  ERR_clear_error();
  EXPECT_TRUE(SignMessage(libctx(), key.get(), "SHA256").empty());
  const std::string errors = Errors();
  EXPECT_NE(errors.find("refused by keyd"), std::string::npos) << errors;
  EXPECT_NE(errors.find("status 400: parameter \"handle\" has an invalid value, caused by: invalid handle"),
            std::string::npos)
      << errors;
}

TEST_P(KeyTest, ThePublicHalfAloneCannotSign) {
  const PkeyPtr key = Load(UriOf(id()), OSSL_STORE_INFO_PUBKEY);
  ASSERT_NE(key, nullptr) << Errors();
  EXPECT_EQ(EVP_PKEY_eq(key.get(), original()), 1);
  EXPECT_TRUE(SignMessage(libctx(), key.get(), "SHA256").empty());
}

TEST_P(KeyTest, ACopySignsToo) {
  const PkeyPtr key = Load(UriOf(id()));
  const PkeyPtr copy(EVP_PKEY_dup(key.get()));
  ASSERT_NE(copy, nullptr) << Errors();
  EXPECT_TRUE(VerifyMessage(nullptr, original(), "SHA256", SignMessage(libctx(), copy.get(), "SHA256")));
}

TEST_P(KeyTest, SignsInAForkedChildAndFromManyThreads) {
  const PkeyPtr key = Load(UriOf(id()));
  ASSERT_NE(key, nullptr) << Errors();
  const size_t descriptors = OpenDescriptors();
  const pid_t child = fork();
  if (child == 0) _exit(SignMessage(libctx(), key.get(), "SHA256").empty() ? 1 : 0);
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);

  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 5; ++j) {
        good += VerifyMessage(nullptr, original(), "SHA256", SignMessage(libctx(), key.get(), "SHA256"));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 40);
  EXPECT_LE(OpenDescriptors(),
            descriptors + 1);  // the server in this process may not have closed its last one
}

TEST_P(KeyTest, AKeyFileWorksBesideUs) {
  std::unique_ptr<BIO, FreeWith<BIO_free_all>> pem(BIO_new(BIO_s_mem()));
  ASSERT_EQ(PEM_write_bio_PrivateKey(pem.get(), original(), nullptr, nullptr, 0, nullptr, nullptr), 1);
  const PkeyPtr key(PEM_read_bio_PrivateKey_ex(pem.get(), nullptr, nullptr, nullptr, libctx(), nullptr));
  ASSERT_NE(key, nullptr) << Errors();
  const Bytes signature = SignMessage(libctx(), key.get(), "SHA256");
  EXPECT_TRUE(VerifyMessage(nullptr, original(), "SHA256", signature)) << Errors();
  EXPECT_GT(i2d_PrivateKey(key.get(), nullptr), 0) << Errors();
  const X509Ptr certificate = NewCertificate(key.get());
  EXPECT_GT(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0) << Errors();
  EXPECT_EQ(X509_verify(certificate.get(), original()), 1) << Errors();
}

TEST_P(KeyTest, OrdinaryKeysAreMadeBesideUs) {
  const PkeyPtr made(is_rsa() ? EVP_PKEY_Q_keygen(libctx(), nullptr, "RSA", size_t{2048})
                              : EVP_PKEY_Q_keygen(libctx(), nullptr, "EC", "P-384"));
  ASSERT_NE(made, nullptr) << Errors();
  EXPECT_EQ(EVP_PKEY_get_bits(made.get()), is_rsa() ? 2048 : 384);
  const PkeyPtr copy(EVP_PKEY_dup(made.get()));
  EXPECT_EQ(EVP_PKEY_eq(made.get(), copy.get()), 1);
  EXPECT_TRUE(VerifyMessage(libctx(), copy.get(), "SHA256", SignMessage(libctx(), made.get(), "SHA256")))
      << Errors();
  const PkeyCtxPtr ctx(EVP_PKEY_CTX_new_from_pkey(libctx(), made.get(), nullptr));
  EXPECT_EQ(EVP_PKEY_check(ctx.get()), 1) << Errors();
}

class RsaTest : public ProviderFixture, public testing::WithParamInterface<const char*> {};

TEST_P(RsaTest, PssWithThisSalt) {
  const PkeyPtr key = Load(UriOf("rsa"));
  ASSERT_NE(key, nullptr) << Errors();
  const auto pss = [](EVP_PKEY_CTX* ctx) {
    ASSERT_EQ(EVP_PKEY_CTX_ctrl_str(ctx, "rsa_padding_mode", "pss"), 1);
    ASSERT_EQ(EVP_PKEY_CTX_ctrl_str(ctx, "rsa_pss_saltlen", GetParam()), 1);
    ASSERT_EQ(EVP_PKEY_CTX_ctrl_str(ctx, "rsa_mgf1_md", "SHA384"), 1);
  };
  const Bytes signature = SignMessage(libctx(), key.get(), "SHA256", pss);
  ASSERT_FALSE(signature.empty()) << Errors();
  EXPECT_TRUE(VerifyMessage(nullptr, rsa_.get(), "SHA256", signature, pss)) << Errors();
  EXPECT_TRUE(VerifyMessage(libctx(), key.get(), "SHA256", signature, pss)) << Errors();
  EXPECT_NE(keyd_.LastRequest().find("RSA-NO-PADDING"), std::string::npos);

  const X509Ptr certificate = NewCertificate(key.get());
  const MdCtxPtr ctx(EVP_MD_CTX_new());
  EVP_PKEY_CTX* pkey_ctx = nullptr;
  ASSERT_EQ(EVP_DigestSignInit_ex(ctx.get(), &pkey_ctx, "SHA256", libctx(), nullptr, key.get(), nullptr), 1);
  pss(pkey_ctx);
  ASSERT_GT(X509_sign_ctx(certificate.get(), ctx.get()), 0) << Errors();
  EXPECT_EQ(X509_get_signature_nid(certificate.get()), NID_rsassaPss);
  EXPECT_EQ(X509_verify(certificate.get(), rsa_.get()), 1) << Errors();
}
INSTANTIATE_TEST_SUITE_P(Salts, RsaTest, testing::Values("digest", "max", "auto", "20", "0"));

class BareRsaTest : public ProviderFixture {};

TEST_F(BareRsaTest, ReadyMadeBytesAreSignedAsTheyAre) {
  const PkeyPtr key = Load(UriOf("rsa"));
  const Bytes input(36, 7);  // what TLS 1.0 signs
  for (const int padding : {RSA_PKCS1_PADDING, RSA_NO_PADDING}) {
    const Bytes block = padding == RSA_NO_PADDING ? Bytes(256, 7) : input;
    const PkeyCtxPtr ctx(EVP_PKEY_CTX_new_from_pkey(libctx(), key.get(), nullptr));
    ASSERT_EQ(EVP_PKEY_sign_init(ctx.get()), 1) << Errors();
    ASSERT_EQ(EVP_PKEY_CTX_set_rsa_padding(ctx.get(), padding), 1);
    Bytes signature(256);
    size_t length = signature.size();
    ASSERT_EQ(EVP_PKEY_sign(ctx.get(), signature.data(), &length, block.data(), block.size()), 1) << Errors();

    const PkeyCtxPtr recover(EVP_PKEY_CTX_new_from_pkey(libctx(), key.get(), nullptr));
    ASSERT_EQ(EVP_PKEY_verify_recover_init(recover.get()), 1) << Errors();
    ASSERT_EQ(EVP_PKEY_CTX_set_rsa_padding(recover.get(), padding), 1);
    Bytes opened(256);
    size_t opened_length = opened.size();
    ASSERT_EQ(EVP_PKEY_verify_recover(recover.get(), opened.data(), &opened_length, signature.data(), length),
              1);
    opened.resize(opened_length);
    EXPECT_EQ(opened, block);
  }
}

TEST_F(BareRsaTest, WhatCannotBeDoneSaysSo) {
  const PkeyPtr key = Load(UriOf("rsa"));
  const PkeyCtxPtr ctx(EVP_PKEY_CTX_new_from_pkey(libctx(), key.get(), nullptr));
  ASSERT_EQ(EVP_PKEY_sign_init(ctx.get()), 1);
  EXPECT_NE(EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_X931_PADDING), 1);
  EXPECT_NE(Errors().find("this RSA padding is not offered"), std::string::npos);
  const Bytes input(250, 1);
  Bytes signature(256);
  size_t length = signature.size();
  EXPECT_NE(EVP_PKEY_sign(ctx.get(), signature.data(), &length, input.data(), input.size()), 1);
  EXPECT_NE(Errors().find("too many bytes for a PKCS#1 signature"), std::string::npos);
}

class StoreTest : public ProviderFixture {};

TEST_F(StoreTest, OtherExpectationsFindNothingAndAskNobody) {
  EXPECT_EQ(Load(UriOf("rsa"), OSSL_STORE_INFO_CERT), nullptr);
  EXPECT_EQ(keyd_.LastRequest(), "");
}

TEST_F(StoreTest, ABadNameOrAnAbsentKeydIsNamed) {
  EXPECT_EQ(Load("aziot:name=x"), nullptr);
  EXPECT_NE(Errors().find("neither sr=, handle=, key= nor cert= follows aziot:"), std::string::npos);
  EXPECT_EQ(Load("aziot:key=x;socket=/nowhere/keyd.sock"), nullptr);
  EXPECT_NE(Errors().find("GET /keypair/x: connecting to /nowhere/keyd.sock: No such file"),
            std::string::npos);
  EXPECT_EQ(Load("aziot:key=x" + keyd_.SocketAttribute()), nullptr);
  EXPECT_NE(Errors().find("status 401: user 0 is not authorized"), std::string::npos);
}

TEST_F(StoreTest, AChainComesLeafFirst) {
  std::string pem;
  for (EVP_PKEY* key : {ec_.get(), rsa_.get()}) {
    const X509Ptr certificate = NewCertificate(key);
    ASSERT_GT(X509_sign(certificate.get(), key, EVP_sha256()), 0);
    const std::unique_ptr<BIO, FreeWith<BIO_free_all>> out(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(out.get(), certificate.get());
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    pem.append(text, static_cast<size_t>(size));
  }
  keyd_.SetChain("edge/ca", pem);
  for (const int expect : {OSSL_STORE_INFO_CERT, 0}) {
    const std::vector<X509Ptr> chain = LoadChain("aziot:cert=edge%2Fca" + keyd_.SocketAttribute(), expect);
    ASSERT_EQ(chain.size(), 2u) << Errors();
    EXPECT_EQ(EVP_PKEY_eq(X509_get0_pubkey(chain[0].get()), ec_.get()), 1);
    EXPECT_EQ(EVP_PKEY_eq(X509_get0_pubkey(chain[1].get()), rsa_.get()), 1);
  }
  // A key is not what stands there.
  EXPECT_TRUE(LoadChain("aziot:cert=edge%2Fca" + keyd_.SocketAttribute(), OSSL_STORE_INFO_PKEY).empty());
}

TEST_F(StoreTest, AnAbsentOrBrokenChainIsNamedAndEndsTheStore) {
  EXPECT_TRUE(LoadChain("aziot:cert=none" + keyd_.SocketAttribute()).empty());
  EXPECT_NE(Errors().find("GET /certificates/none: certd refused with status 400"), std::string::npos);
  keyd_.SetChain("broken", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  EXPECT_TRUE(LoadChain("aziot:cert=broken" + keyd_.SocketAttribute()).empty());
  EXPECT_NE(Errors().find("GET /certificates/broken: a certificate of certd's answer cannot be read"),
            std::string::npos);
}

}  // namespace
}  // namespace aziot::openssl_engine
