#include "common/server/tls_context.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "absl/strings/str_cat.h"

namespace aziot::server {
namespace {

absl::Status Refusal(absl::string_view doing) {
  char text[256] = "no reason given";
  if (const unsigned long error = ERR_get_error(); error != 0) ERR_error_string_n(error, text, sizeof text);
  ERR_clear_error();
  return absl::InvalidArgumentError(absl::StrCat(doing, ": ", text));
}

void AppendDer(X509* certificate, std::vector<Bytes>& chain) {
  const int length = i2d_X509(certificate, nullptr);
  if (length <= 0) return;
  Bytes der(static_cast<size_t>(length));
  unsigned char* out = der.data();
  i2d_X509(certificate, &out);
  chain.push_back(std::move(der));
}

}  // namespace

absl::StatusOr<std::shared_ptr<SSL_CTX>> NewTlsContext(const std::string& certificate_file,
                                                       const std::string& key_file) {
  ERR_clear_error();
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (context == nullptr) return Refusal("TLS context");
  SSL_CTX* raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(
      raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  // A resumed session would not prove again that the client has its key, and would not carry its chain.
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(raw, 0);
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  // Who a certificate speaks for is the handler's to judge, against enrolments that TLS knows nothing of.
  SSL_CTX_set_cert_verify_callback(
      raw, [](X509_STORE_CTX*, void*) { return 1; }, nullptr);
  if (SSL_CTX_use_certificate_chain_file(raw, certificate_file.c_str()) != 1) {
    return Refusal(absl::StrCat("certificate ", certificate_file));
  }
  if (SSL_CTX_use_PrivateKey_file(raw, key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return Refusal(absl::StrCat("key ", key_file));
  }
  if (SSL_CTX_check_private_key(raw) != 1) {
    return Refusal(absl::StrCat("key ", key_file, " does not belong to certificate ", certificate_file));
  }
  return context;
}

void ReadTlsPeer(SSL* ssl, TlsPeer& peer) {
  if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name); name != nullptr)
    peer.server_name = name;
  X509* leaf = SSL_get0_peer_certificate(ssl);
  if (leaf == nullptr) return;
  AppendDer(leaf, peer.certificate_chain);
  // On the server's side this chain does not begin with the leaf.
  const STACK_OF(X509)* others = SSL_get_peer_cert_chain(ssl);
  for (int i = 0; i < sk_X509_num(others); ++i) AppendDer(sk_X509_value(others, i), peer.certificate_chain);
}

}  // namespace aziot::server
