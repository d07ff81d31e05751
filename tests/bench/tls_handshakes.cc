#include "tests/bench/tls_handshakes.h"

#include <openssl/ssl.h>

#include <cstdlib>
#include <memory>

namespace aziot::bench {
namespace {

using SslCtx = std::shared_ptr<SSL_CTX>;
using SslPtr = std::unique_ptr<SSL, decltype(&SSL_free)>;

void Require(bool condition) {
  if (!condition) std::abort();
}

SslCtx NewSide(const SSL_METHOD* method) {
  SslCtx side(SSL_CTX_new(method), SSL_CTX_free);
  Require(side != nullptr && SSL_CTX_set_min_proto_version(side.get(), TLS1_3_VERSION) == 1);
  SSL_CTX_set_session_cache_mode(side.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(side.get(), 0);
  return side;
}

bool Shake(SSL_CTX* server_side, SSL_CTX* client_side) {
  const SslPtr server(SSL_new(server_side), SSL_free), client(SSL_new(client_side), SSL_free);
  BIO *near = nullptr, *far = nullptr;
  if (BIO_new_bio_pair(&near, 0, &far, 0) != 1) return false;
  SSL_set_bio(server.get(), near, near);
  SSL_set_bio(client.get(), far, far);
  SSL_set_accept_state(server.get());
  SSL_set_connect_state(client.get());
  // ClientHello; everything of the server; the client's end; the server's.
  SSL_do_handshake(client.get());
  SSL_do_handshake(server.get());
  return SSL_do_handshake(client.get()) == 1 && SSL_do_handshake(server.get()) == 1;
}

}  // namespace

X509* NewCertificate(EVP_PKEY* key, OSSL_LIB_CTX* libctx) {
  X509* certificate = X509_new_ex(libctx, nullptr);
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const uint8_t*>("bench"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_set_pubkey(certificate, key);
  Require(X509_sign(certificate, key, EVP_sha256()) > 0);
  return certificate;
}

Worker TlsHandshakes(EVP_PKEY* key, X509* certificate) {
  const SslCtx server = NewSide(TLS_server_method()), client = NewSide(TLS_client_method());
  Require(SSL_CTX_use_certificate(server.get(), certificate) == 1 &&
          SSL_CTX_use_PrivateKey(server.get(), key) == 1 &&
          X509_STORE_add_cert(SSL_CTX_get_cert_store(client.get()), certificate) == 1);
  SSL_CTX_set_verify(client.get(), SSL_VERIFY_PEER, nullptr);
  return [server, client](int) -> Operation { return [=] { return Shake(server.get(), client.get()); }; };
}

Worker Signatures(EVP_PKEY* key) {
  return [key](int) -> Operation {
    return [key] {
      const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> ctx(EVP_MD_CTX_new(), EVP_MD_CTX_free);
      uint8_t signature[512];
      size_t size = sizeof signature;
      return EVP_DigestSignInit_ex(ctx.get(), nullptr, "SHA256", nullptr, nullptr, key, nullptr) == 1 &&
             EVP_DigestSign(ctx.get(), signature, &size, reinterpret_cast<const uint8_t*>("m"), 1) == 1;
    };
  };
}

}  // namespace aziot::bench
