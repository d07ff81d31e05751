// Key files where programs read private keys: the ways that libcrypto and libssl offer them.
#include <openssl/decoder.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <filesystem>
#include <fstream>
#include <tuple>

#include "openssl-engine/base64.h"
#include "openssl-engine/provider/provider_fixture.h"

namespace aziot::openssl_engine {
namespace {

using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using SslCtxPtr = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;

std::string Block(const std::string& body) {
  return "-----BEGIN AZIOT KEYS URI-----\n" + body + "\n-----END AZIOT KEYS URI-----\n";
}

// Every order of activation, kind of key and form of body.
class DecoderTest : public ProviderFixture,
                    public testing::WithParamInterface<std::tuple<Order, const char*, bool>> {
 protected:
  DecoderTest() : ProviderFixture(std::get<0>(GetParam())) {
    char name[] = "/tmp/decoder_test_XXXXXX";
    directory_ = mkdtemp(name);
  }
  ~DecoderTest() override { std::filesystem::remove_all(directory_); }

  std::string id() const { return std::get<1>(GetParam()); }
  EVP_PKEY* original() const { return id() == "rsa" ? rsa_.get() : ec_.get(); }
  std::string KeyFile(const std::string& uri) const {
    if (!std::get<2>(GetParam())) return Block(uri);
    std::string body = FormatBase64({reinterpret_cast<const uint8_t*>(uri.data()), uri.size()});
    for (size_t at = 64; at < body.size(); at += 65) body.insert(at, "\n");
    return Block(body);
  }
  std::string KeyFile() const { return KeyFile("aziot:key=" + id() + keyd_.SocketAttribute()); }
  std::string Write(const std::string& text) const {
    std::ofstream(directory_ / "key.pem") << text;
    return (directory_ / "key.pem").string();
  }
  PkeyPtr Read(const std::string& text) const {
    const BioPtr in(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    return PkeyPtr(PEM_read_bio_PrivateKey_ex(in.get(), nullptr, nullptr, nullptr, libctx(), nullptr));
  }
  bool Signs(EVP_PKEY* key) const {
    const X509Ptr certificate = NewCertificate(key);
    return X509_sign(certificate.get(), key, EVP_sha256()) > 0 &&
           X509_verify(certificate.get(), original()) == 1;
  }
  std::string CertificatePem() const {
    const X509Ptr certificate = NewCertificate(original());
    X509_sign(certificate.get(), original(), EVP_sha256());
    const BioPtr out(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(out.get(), certificate.get());
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return std::string(text, static_cast<size_t>(size));
  }

  std::filesystem::path directory_;
};
INSTANTIATE_TEST_SUITE_P(All, DecoderTest,
                         testing::Combine(testing::ValuesIn(kOrders), testing::Values("rsa", "ec"),
                                          testing::Bool()),
                         [](const auto& info) {
                           return std::string(OrderName(std::get<0>(info.param))) + "_" +
                                  std::get<1>(info.param) + (std::get<2>(info.param) ? "_base64" : "_plain");
                         });

TEST_P(DecoderTest, PemReadingGivesTheKey) {
  const PkeyPtr key = Read(KeyFile());
  ASSERT_NE(key, nullptr) << Errors();
  EXPECT_STREQ(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key.get())), "aziot_keys");
  EXPECT_TRUE(Signs(key.get())) << Errors();
  const PkeyPtr by_handle = Read(KeyFile(UriOf(id())));
  ASSERT_NE(by_handle, nullptr) << Errors();
  EXPECT_TRUE(Signs(by_handle.get())) << Errors();
}

TEST_P(DecoderTest, LibsslTakesItAsAKeyFile) {
  const SslCtxPtr ctx(SSL_CTX_new_ex(libctx(), nullptr, TLS_server_method()));
  // All in one file, as haproxy has it: only in base64, for libssl reads the key's block too.
  const std::string chain = CertificatePem() + (std::get<2>(GetParam()) ? KeyFile() : "");
  ASSERT_EQ(SSL_CTX_use_certificate_chain_file(ctx.get(), Write(chain).c_str()), 1) << Errors();
  const std::string path = Write(CertificatePem() + KeyFile());
  ASSERT_EQ(SSL_CTX_use_PrivateKey_file(ctx.get(), path.c_str(), SSL_FILETYPE_PEM), 1) << Errors();
  EXPECT_EQ(SSL_CTX_check_private_key(ctx.get()), 1) << Errors();
}

TEST_P(DecoderTest, TheStoreOfFilesFindsIt) {
  const std::string path = Write(CertificatePem() + KeyFile());
  const PkeyPtr key = Load(path, OSSL_STORE_INFO_PKEY);
  ASSERT_NE(key, nullptr) << Errors();
  EXPECT_TRUE(Signs(key.get())) << Errors();
  EXPECT_EQ(LoadChain(path).size(), 1u) << Errors();
}

TEST_P(DecoderTest, WhoAsksForThePublicHalfGetsNoMore) {
  const std::string text = KeyFile();
  const BioPtr in(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  EVP_PKEY* read = nullptr;
  const std::unique_ptr<OSSL_DECODER_CTX, FreeWith<OSSL_DECODER_CTX_free>> ctx(
      OSSL_DECODER_CTX_new_for_pkey(&read, "PEM", nullptr, nullptr, EVP_PKEY_PUBLIC_KEY, libctx(), nullptr));
  ASSERT_EQ(OSSL_DECODER_from_bio(ctx.get(), in.get()), 1) << Errors();
  const PkeyPtr key(read);
  EXPECT_EQ(EVP_PKEY_eq(key.get(), original()), 1);
  EXPECT_FALSE(Signs(key.get()));
}

TEST_P(DecoderTest, OrdinaryFilesAreReadBesideUs) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  ASSERT_EQ(PEM_write_bio_PrivateKey(out.get(), original(), nullptr, nullptr, 0, nullptr, nullptr), 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  const PkeyPtr key = Read(CertificatePem() + std::string(text, static_cast<size_t>(size)));
  ASSERT_NE(key, nullptr) << Errors();
  EXPECT_TRUE(Signs(key.get())) << Errors();
  EXPECT_EQ(keyd_.LastRequest(), "");
}

TEST_P(DecoderTest, ABrokenFileSaysWhatIsWrong) {
  EXPECT_EQ(Read(KeyFile("aziot:name=x")), nullptr);
  EXPECT_NE(Errors().find("key file (AZIOT KEYS URI): key name: neither sr="), std::string::npos);
  EXPECT_EQ(Read(KeyFile("aziot:cert=x" + keyd_.SocketAttribute())), nullptr);
  EXPECT_NE(Errors().find("aziot:cert= names a certificate, not a key"), std::string::npos);
  EXPECT_EQ(Read(Block("*")), nullptr);
  EXPECT_NE(Errors().find("neither a URI nor base64"), std::string::npos);
}

TEST_P(DecoderTest, AnAbsentKeydIsNamedAndAskedOnce) {
  EXPECT_EQ(Read(KeyFile("aziot:key=x;socket=/nowhere/keyd.sock")), nullptr);
  const std::string errors = Errors();
  const std::string text = "connecting to /nowhere/keyd.sock: No such file";
  const size_t first = errors.find(text);
  ASSERT_NE(first, std::string::npos) << errors;
  EXPECT_EQ(errors.find(text, first + 1), std::string::npos) << errors;
  EXPECT_EQ(Load(Write(KeyFile("aziot:key=x;socket=/nowhere/keyd.sock"))), nullptr);
  EXPECT_NE(Errors().find(text), std::string::npos);
}

}  // namespace
}  // namespace aziot::openssl_engine
