// Whole TLS handshakes in memory with a key of keyd on both sides: the order in which the providers stand
// must not matter, also when the ephemeral keys are of the same kind as ours.
#include <openssl/ssl.h>

#include <tuple>

#include "openssl-engine/provider/provider_fixture.h"

namespace aziot::openssl_engine {
namespace {

using SslCtxPtr = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, FreeWith<SSL_free>>;

class TlsTest : public ProviderFixture,
                public testing::WithParamInterface<std::tuple<Order, const char*, int, const char*>> {
 protected:
  TlsTest() : ProviderFixture(std::get<0>(GetParam())) {}

  SslCtxPtr NewSide(const SSL_METHOD* method, EVP_PKEY* key, X509* certificate) const {
    const auto& [order, id, version, algorithms] = GetParam();
    SslCtxPtr ctx(SSL_CTX_new_ex(libctx(), nullptr, method));
    SSL_CTX_set_min_proto_version(ctx.get(), version);
    SSL_CTX_set_max_proto_version(ctx.get(), version);
    EXPECT_EQ(SSL_CTX_set1_groups_list(ctx.get(), "P-256"), 1);
    EXPECT_EQ(SSL_CTX_set1_sigalgs_list(ctx.get(), algorithms), 1);
    EXPECT_EQ(SSL_CTX_use_certificate(ctx.get(), certificate), 1) << Errors();
    EXPECT_EQ(SSL_CTX_use_PrivateKey(ctx.get(), key), 1) << Errors();
    EXPECT_EQ(SSL_CTX_check_private_key(ctx.get()), 1) << Errors();
    X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx.get()), certificate);
    SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    return ctx;
  }
};

TEST_P(TlsTest, BothSidesFinishAndKnowEachOther) {
  const PkeyPtr key = Load(UriOf(std::get<1>(GetParam())));
  ASSERT_NE(key, nullptr) << Errors();
  const X509Ptr certificate = NewCertificate(key.get());
  ASSERT_GT(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0) << Errors();
  ERR_clear_error();
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
    const int client_error = SSL_get_error(client.get(), client_done);
    ASSERT_TRUE(client_done == 1 || client_error == SSL_ERROR_WANT_READ) << client_error << Errors();
    server_done = SSL_do_handshake(server.get());
    const int server_error = SSL_get_error(server.get(), server_done);
    ASSERT_TRUE(server_done == 1 || server_error == SSL_ERROR_WANT_READ) << server_error << Errors();
  }
  EXPECT_EQ(server_done, 1);
  EXPECT_EQ(client_done, 1);
  const std::unique_ptr<X509, FreeWith<X509_free>> seen(SSL_get1_peer_certificate(server.get()));
  ASSERT_NE(seen, nullptr);
  EXPECT_EQ(X509_cmp(seen.get(), certificate.get()), 0);
}

std::string Name(const testing::TestParamInfo<std::tuple<Order, const char*, int, const char*>>& info) {
  const auto& [order, id, version, algorithms] = info.param;
  return std::string(OrderName(order)) + "_" + id + (version == TLS1_3_VERSION ? "_13" : "_12") +
         (std::string(algorithms).starts_with("RSA+") ? "_pkcs1" : "");
}
INSTANTIATE_TEST_SUITE_P(Ec, TlsTest,
                         testing::Combine(testing::ValuesIn(kOrders), testing::Values("ec"),
                                          testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                                          testing::Values("ECDSA+SHA256")),
                         Name);
INSTANTIATE_TEST_SUITE_P(RsaPss, TlsTest,
                         testing::Combine(testing::ValuesIn(kOrders), testing::Values("rsa"),
                                          testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                                          testing::Values("rsa_pss_rsae_sha256")),
                         Name);
INSTANTIATE_TEST_SUITE_P(RsaPkcs1, TlsTest,
                         testing::Combine(testing::ValuesIn(kOrders), testing::Values("rsa"),
                                          testing::Values(TLS1_2_VERSION), testing::Values("RSA+SHA256")),
                         Name);

}  // namespace
}  // namespace aziot::openssl_engine
