// A TLS client that treats the engine as azure-iot-sdk-c does: everything anew for each connection, with the
// engine made the default of the whole process. tests/openssl runs it against a real keyd.
//
//   sdk_client HANDLE CERTIFICATE TRUSTED HOST:PORT COUNT
//
// Connects COUNT times, before each but the first after a line on stdin, and prints what the server says.
#include <openssl/bio.h>
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "openssl-engine/owned.h"

namespace aziot::openssl_engine {
namespace {

using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using EnginePtr = std::unique_ptr<ENGINE, FreeWith<ENGINE_free>>;
using SslCtxPtr = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;

[[noreturn]] void Fail(const char* doing) {
  std::fprintf(stderr, "%s\n", doing);
  ERR_print_errors_fp(stderr);
  std::exit(1);
}

PkeyPtr LoadKey(const char* handle) {
  ENGINE_load_builtin_engines();
  const EnginePtr engine(ENGINE_by_id("aziot_keys"));
  if (engine == nullptr) Fail("ENGINE_by_id");
  if (ENGINE_init(engine.get()) != 1) Fail("ENGINE_init");
  if (ENGINE_set_default(engine.get(), ENGINE_METHOD_ALL) != 1) Fail("ENGINE_set_default");
  PkeyPtr key(ENGINE_load_private_key(engine.get(), handle, nullptr, nullptr));
  ENGINE_finish(engine.get());
  if (key == nullptr) Fail("ENGINE_load_private_key");
  return key;
}

// Keys of the program's own go on working although an engine was made the default of everything.
void UseAKeyOfOurOwn() {
  for (const char* type : {"RSA", "EC"}) {
    const PkeyPtr key(type[0] == 'R' ? EVP_PKEY_Q_keygen(nullptr, nullptr, type, size_t{2048})
                                     : EVP_PKEY_Q_keygen(nullptr, nullptr, type, "P-256"));
    const MdCtxPtr ctx(EVP_MD_CTX_new());
    unsigned char signature[256];
    size_t length = sizeof signature;
    if (key == nullptr || EVP_DigestSignInit(ctx.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
        EVP_DigestSign(ctx.get(), signature, &length, signature, 0) != 1) {
      Fail("signing with a key of our own");
    }
  }
}

void Connect(char* const* argument) {
  const SslCtxPtr ctx(SSL_CTX_new(TLS_client_method()));
  const PkeyPtr key = LoadKey(argument[1]);
  if (SSL_CTX_use_certificate_chain_file(ctx.get(), argument[2]) != 1 ||
      SSL_CTX_use_PrivateKey(ctx.get(), key.get()) != 1 ||
      SSL_CTX_load_verify_locations(ctx.get(), argument[3], nullptr) != 1) {
    Fail("preparing TLS");
  }
  SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_PEER, nullptr);
  const BioPtr connection(BIO_new_ssl_connect(ctx.get()));
  BIO_set_conn_hostname(connection.get(), argument[4]);
  SSL* ssl = nullptr;
  BIO_get_ssl(connection.get(), &ssl);
  SSL_set_mode(ssl, SSL_MODE_AUTO_RETRY);
  if (BIO_do_connect(connection.get()) != 1) Fail("connecting");
  if (BIO_puts(connection.get(), "drawer\n") <= 0) Fail("sending");
  char line[256];
  const int length = BIO_read(connection.get(), line, sizeof line);
  if (length <= 0) Fail("reading");
  std::fwrite(line, 1, static_cast<size_t>(length), stdout);
  std::fflush(stdout);
}

}  // namespace
}  // namespace aziot::openssl_engine

int main(int count, char** argument) {
  if (count != 6) return 2;
  const int connections = std::atoi(argument[5]);
  for (int i = 0; i < connections; ++i) {
    if (i > 0) {
      for (int c = std::getchar(); c != '\n' && c != EOF;) c = std::getchar();
    }
    aziot::openssl_engine::Connect(argument);
    aziot::openssl_engine::UseAKeyOfOurOwn();
  }
  return 0;
}
