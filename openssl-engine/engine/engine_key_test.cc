// What a key of the engine does: every use that OpenSSL makes of an RSA or EC_KEY, and copies of it.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "openssl-engine/engine/engine_fixture.h"

namespace aziot::openssl_engine {
namespace {

using SslCtxPtr = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, FreeWith<SSL_free>>;
using EcKeyPtr = std::unique_ptr<EC_KEY, FreeWith<EC_KEY_free>>;
using RsaPtr = std::unique_ptr<RSA, FreeWith<RSA_free>>;

class EngineKeyTest : public EngineFixture, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    EngineFixture::SetUp();
    key_ = LoadPrivate(KeyServer::HandleOf(GetParam()));
    ASSERT_NE(key_, nullptr) << Errors();
    ERR_clear_error();
  }
  bool is_rsa() const { return std::string(GetParam()) == "rsa"; }
  EVP_PKEY* original() const { return SoftwareKey(GetParam()); }

  PkeyPtr key_;
};
INSTANTIATE_TEST_SUITE_P(Keys, EngineKeyTest, testing::Values("rsa", "ec"));

TEST_P(EngineKeyTest, SignsEveryDigest) {
  for (const EVP_MD* md : {EVP_sha1(), EVP_sha256(), EVP_sha384(), EVP_sha512(), EVP_sha3_256()}) {
    EXPECT_TRUE(Verify(original(), md, Sign(key_.get(), md))) << EVP_MD_get0_name(md) << Errors();
    if (!is_rsa()) continue;
    EXPECT_TRUE(Verify(original(), md, Sign(key_.get(), md, RSA_PKCS1_PSS_PADDING), RSA_PKCS1_PSS_PADDING))
        << EVP_MD_get0_name(md) << Errors();
  }
}

TEST_P(EngineKeyTest, CarriesTheSameNameInEveryForm) {
  for (const std::string& name :
       {std::string("aziot:key=") + GetParam(), "aziot:" + KeyServer::HandleOf(GetParam()),
        "AZIOT:handle=" + PercentEncode(KeyServer::HandleOf(GetParam())) + keyd_.SocketAttribute()}) {
    const PkeyPtr key = LoadPrivate(name);
    ASSERT_NE(key, nullptr) << Errors();
    EXPECT_EQ(EVP_PKEY_eq(key.get(), original()), 1);
  }
}

TEST_P(EngineKeyTest, IsPublicOnlyWhereThatIsAsked) {
  const PkeyPtr key = LoadPublic(KeyServer::HandleOf(GetParam()));
  ASSERT_NE(key, nullptr) << Errors();
  EXPECT_EQ(EVP_PKEY_eq(key.get(), original()), 1);
  EXPECT_TRUE(Sign(key.get(), EVP_sha256()).empty());
  EXPECT_TRUE(Verify(key.get(), EVP_sha256(), Sign(key_.get(), EVP_sha256())));
}

TEST_P(EngineKeyTest, SignsCertificates) {
  const X509Ptr certificate = NewCertificate(key_.get());
  ASSERT_NE(certificate, nullptr) << Errors();
  EXPECT_EQ(X509_verify(certificate.get(), original()), 1) << Errors();
  EXPECT_EQ(X509_check_private_key(certificate.get(), key_.get()), 1) << Errors();
}

TEST_P(EngineKeyTest, OutlivesTheEngineThatTheCallerHolds) {
  ASSERT_EQ(ENGINE_finish(engine_.get()), 1);
  initialised_ = false;
  EXPECT_TRUE(Verify(original(), EVP_sha256(), Sign(key_.get(), EVP_sha256()))) << Errors();
}

TEST_P(EngineKeyTest, ShowsNothingPrivate) {
  EXPECT_LE(i2d_PrivateKey(key_.get(), nullptr), 0);
  unsigned char* spki = nullptr;
  const int length = i2d_PUBKEY(key_.get(), &spki);
  ASSERT_GT(length, 0) << Errors();
  const unsigned char* in = spki;
  const PkeyPtr shown(d2i_PUBKEY(nullptr, &in, length));
  OPENSSL_free(spki);
  EXPECT_EQ(EVP_PKEY_eq(shown.get(), original()), 1);
}

TEST_P(EngineKeyTest, ARotationIsNoticed) {
  const PkeyPtr next(is_rsa() ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{2048})
                              : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  keyd_.SetKey(GetParam(), next.get());
  EXPECT_TRUE(Sign(key_.get(), EVP_sha256()).empty());
  const std::string errors = Errors();
  EXPECT_NE(errors.find("key was rotated, reload"), std::string::npos) << errors;
  EXPECT_NE(errors.find(is_rsa() ? "aziot_key_rsa_priv_enc" : "aziot_key_ec_sign"), std::string::npos)
      << errors;
  const PkeyPtr again = LoadPrivate(KeyServer::HandleOf(GetParam()));
  EXPECT_TRUE(Verify(next.get(), EVP_sha256(), Sign(again.get(), EVP_sha256()))) << Errors();
}

TEST_P(EngineKeyTest, KeydsMessageReachesTheErrorQueue) {
  keyd_.Refuse(500, "the token was removed");
  EXPECT_TRUE(Sign(key_.get(), EVP_sha256()).empty());
  const std::string errors = Errors();
  EXPECT_NE(errors.find("keyd refused with status 500: the token was removed"), std::string::npos) << errors;
}

TEST_P(EngineKeyTest, SignsInAForkedChildAndFromManyThreads) {
  const pid_t child = fork();
  if (child == 0) _exit(Sign(key_.get(), EVP_sha256()).empty() ? 1 : 0);
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);

  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 3; ++j) good += Verify(original(), EVP_sha256(), Sign(key_.get(), EVP_sha256()));
      const PkeyPtr own = LoadPrivate(KeyServer::HandleOf(GetParam()));
      good += own != nullptr && Verify(original(), EVP_sha256(), Sign(own.get(), EVP_sha256()));
      // Also while others load.
      const std::string socket = std::string(i % 2, '/') + keyd_.socket_path();
      good += ENGINE_ctrl_cmd_string(engine_.get(), "SOCKET_PATH", socket.c_str(), 0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 40) << Errors();
}

class EngineTlsTest : public EngineFixture,
                      public testing::WithParamInterface<std::tuple<const char*, int, const char*>> {
 protected:
  static SslCtxPtr NewSide(const SSL_METHOD* method, EVP_PKEY* key, X509* certificate) {
    const auto& [id, version, algorithms] = GetParam();
    SslCtxPtr ctx(SSL_CTX_new(method));
    SSL_CTX_set_min_proto_version(ctx.get(), version);
    SSL_CTX_set_max_proto_version(ctx.get(), version);
    EXPECT_EQ(SSL_CTX_set1_groups_list(ctx.get(), "P-256"), 1);
    EXPECT_EQ(SSL_CTX_set1_sigalgs_list(ctx.get(), algorithms), 1);
    EXPECT_EQ(SSL_CTX_use_certificate(ctx.get(), certificate), 1) << Errors();
    EXPECT_EQ(SSL_CTX_use_PrivateKey(ctx.get(), key), 1) << Errors();
    X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx.get()), certificate);
    SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    return ctx;
  }
};

TEST_P(EngineTlsTest, BothSidesFinish) {
  ASSERT_EQ(ENGINE_set_default(engine_.get(), ENGINE_METHOD_ALL), 1);
  const PkeyPtr key = LoadPrivate(KeyServer::HandleOf(std::get<0>(GetParam())));
  ASSERT_NE(key, nullptr) << Errors();
  const X509Ptr certificate = NewCertificate(key.get());
  ASSERT_NE(certificate, nullptr) << Errors();
  const SslCtxPtr server_ctx = NewSide(TLS_server_method(), key.get(), certificate.get());
  const SslCtxPtr client_ctx = NewSide(TLS_client_method(), key.get(), certificate.get());
  const SslPtr server(SSL_new(server_ctx.get()));
  const SslPtr client(SSL_new(client_ctx.get()));
  BIO* server_bio = nullptr;
  BIO* client_bio = nullptr;
  ASSERT_EQ(BIO_new_bio_pair(&server_bio, 0, &client_bio, 0), 1);
  SSL_set_bio(server.get(), server_bio, server_bio);
  SSL_set_bio(client.get(), client_bio, client_bio);
  SSL_set_accept_state(server.get());
  SSL_set_connect_state(client.get());
  int server_done = 0;
  int client_done = 0;
  for (int i = 0; i < 100 && !(server_done == 1 && client_done == 1); ++i) {
    client_done = SSL_do_handshake(client.get());
    ASSERT_TRUE(client_done == 1 || SSL_get_error(client.get(), client_done) == SSL_ERROR_WANT_READ)
        << Errors();
    server_done = SSL_do_handshake(server.get());
    ASSERT_TRUE(server_done == 1 || SSL_get_error(server.get(), server_done) == SSL_ERROR_WANT_READ)
        << Errors();
  }
  EXPECT_EQ(server_done, 1);
  EXPECT_EQ(client_done, 1);
  EXPECT_EQ(Errors(), "");
}
INSTANTIATE_TEST_SUITE_P(Ec, EngineTlsTest,
                         testing::Combine(testing::Values("ec"),
                                          testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                                          testing::Values("ECDSA+SHA256")));
INSTANTIATE_TEST_SUITE_P(RsaPss, EngineTlsTest,
                         testing::Combine(testing::Values("rsa"),
                                          testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                                          testing::Values("rsa_pss_rsae_sha256")));
INSTANTIATE_TEST_SUITE_P(RsaPkcs1, EngineTlsTest,
                         testing::Combine(testing::Values("rsa"), testing::Values(TLS1_2_VERSION),
                                          testing::Values("RSA+SHA256")));

class EngineRsaTest : public EngineFixture {
 protected:
  void SetUp() override {
    EngineFixture::SetUp();
    key_ = LoadPrivate(KeyServer::HandleOf("rsa"));
    ASSERT_NE(key_, nullptr) << Errors();
    ERR_clear_error();
  }
  Bytes Encrypted(int padding) {
    const PkeyCtxPtr ctx(EVP_PKEY_CTX_new(SoftwareKey("rsa"), nullptr));
    Bytes out(256);
    size_t length = out.size();
    EXPECT_EQ(EVP_PKEY_encrypt_init(ctx.get()), 1);
    EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(ctx.get(), padding), 1);
    EXPECT_EQ(EVP_PKEY_encrypt(ctx.get(), out.data(), &length, kMessage, sizeof kMessage), 1) << Errors();
    return out;
  }
  Bytes Decrypted(int padding, const Bytes& ciphertext) {
    const PkeyCtxPtr ctx(EVP_PKEY_CTX_new(key_.get(), nullptr));
    Bytes out(256);
    size_t length = out.size();
    EXPECT_EQ(EVP_PKEY_decrypt_init(ctx.get()), 1);
    EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(ctx.get(), padding), 1);
    if (EVP_PKEY_decrypt(ctx.get(), out.data(), &length, ciphertext.data(), ciphertext.size()) != 1)
      return {};
    out.resize(length);
    return out;
  }
  const Bytes message_{std::begin(kMessage), std::end(kMessage)};
  PkeyPtr key_;
};

TEST_F(EngineRsaTest, OpensOaepAndRefusesWhatNeedsThePrivateKeyHere) {
  EXPECT_EQ(Decrypted(RSA_PKCS1_OAEP_PADDING, Encrypted(RSA_PKCS1_OAEP_PADDING)), message_) << Errors();
  Bytes broken = Encrypted(RSA_PKCS1_OAEP_PADDING);
  broken[200] ^= 1;
  EXPECT_TRUE(Decrypted(RSA_PKCS1_OAEP_PADDING, broken).empty());
  ERR_clear_error();
  EXPECT_TRUE(Decrypted(RSA_PKCS1_PADDING, Encrypted(RSA_PKCS1_PADDING)).empty());
  const std::string errors = Errors();
  EXPECT_NE(errors.find("aziot_key_rsa_priv_dec [RSA decryption with padding 1; OAEP is offered]"),
            std::string::npos)
      << errors;

  const RsaPtr rsa(EVP_PKEY_get1_RSA(key_.get()));
  Bytes out(256);
  const Bytes ciphertext = Encrypted(RSA_PKCS1_OAEP_PADDING);
  const int length =
      RSA_private_decrypt(256, ciphertext.data(), out.data(), rsa.get(), RSA_PKCS1_OAEP_PADDING);
  ASSERT_EQ(length, static_cast<int>(sizeof kMessage)) << Errors();
  EXPECT_TRUE(std::equal(message_.begin(), message_.end(), out.begin()));
}

TEST_F(EngineRsaTest, RefusesOtherPaddingsByName) {
  const RsaPtr rsa(EVP_PKEY_get1_RSA(key_.get()));
  const Bytes input(100, 1);
  Bytes out(256);
  EXPECT_EQ(RSA_private_encrypt(100, input.data(), out.data(), rsa.get(), RSA_X931_PADDING), -1);
  std::string errors = Errors();
  EXPECT_NE(errors.find("RSA padding 5; PKCS#1 v1.5 and PSS are offered"), std::string::npos) << errors;
  EXPECT_EQ(RSA_private_encrypt(100, input.data(), out.data(), rsa.get(), RSA_NO_PADDING), -1);
  errors = Errors();
  EXPECT_NE(errors.find("exactly as many bytes as the modulus has"), std::string::npos) << errors;
}

TEST_F(EngineRsaTest, TheRsaObjectOutlivesItsKeyAndIsNotCopiedHalf) {
  const RsaPtr rsa(EVP_PKEY_get1_RSA(key_.get()));
  // OpenSSL copies no key whose private half is elsewhere; what matters is that nothing breaks.
  const RsaPtr copy(RSAPrivateKey_dup(rsa.get()));
  const PkeyPtr pkey_copy(EVP_PKEY_dup(key_.get()));
  ERR_clear_error();
  key_.reset();
  Bytes out(256);
  const Bytes digest(36, 7);
  EXPECT_EQ(RSA_private_encrypt(36, digest.data(), out.data(), rsa.get(), RSA_PKCS1_PADDING), 256)
      << Errors();
}

class EngineEcTest : public EngineFixture {
 protected:
  static bool Signs(EC_KEY* key) {
    const EcKeyPtr original(EVP_PKEY_get1_EC_KEY(SoftwareKey("ec")));
    const Bytes digest(64, 9);
    Bytes signature(static_cast<size_t>(ECDSA_size(key)));
    unsigned int length = 0;
    return ECDSA_sign(0, digest.data(), 64, signature.data(), &length, key) == 1 &&
           ECDSA_verify(0, digest.data(), 64, signature.data(), static_cast<int>(length), original.get()) ==
               1;
  }
};

TEST_F(EngineEcTest, CopiesSignToo) {
  PkeyPtr key = LoadPrivate(KeyServer::HandleOf("ec"));
  ASSERT_NE(key, nullptr) << Errors();
  const EcKeyPtr ec(EVP_PKEY_get1_EC_KEY(key.get()));
  key.reset();
  EcKeyPtr duplicate(EC_KEY_dup(ec.get()));
  ASSERT_NE(duplicate, nullptr) << Errors();
  const EcKeyPtr copy(EC_KEY_new());
  ASSERT_NE(EC_KEY_copy(copy.get(), ec.get()), nullptr) << Errors();
  ASSERT_NE(EC_KEY_copy(copy.get(), duplicate.get()), nullptr) << Errors();  // over a key of ours
  duplicate.reset();
  EXPECT_TRUE(Signs(copy.get())) << Errors();
  EXPECT_TRUE(Signs(ec.get())) << Errors();
  // An ordinary key over a key of ours.
  ASSERT_NE(EC_KEY_copy(copy.get(), EVP_PKEY_get0_EC_KEY(SoftwareKey("ec"))), nullptr) << Errors();
  EXPECT_TRUE(Signs(copy.get())) << Errors();
}

TEST_F(EngineEcTest, NeitherAgreesOnSecretsNorBecomesAnotherKey) {
  const PkeyPtr key = LoadPrivate(KeyServer::HandleOf("ec"));
  EC_KEY* const ec = const_cast<EC_KEY*>(EVP_PKEY_get0_EC_KEY(key.get()));
  unsigned char secret[32];
  EXPECT_LE(ECDH_compute_key(secret, sizeof secret,
                             EC_KEY_get0_public_key(EVP_PKEY_get0_EC_KEY(SoftwareKey("ec"))), ec, nullptr),
            0);
  EXPECT_NE(EC_KEY_generate_key(ec), 1);
  ERR_clear_error();
  EXPECT_TRUE(Signs(ec)) << Errors();
}

}  // namespace
}  // namespace aziot::openssl_engine
