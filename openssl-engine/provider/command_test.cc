// The openssl command itself, as an operator would call it.
#include <openssl/pem.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "openssl-engine/provider/provider_fixture.h"

// A module built with AddressSanitizer cannot be loaded into a program that is not.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define AZIOT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define AZIOT_SANITIZED 1
#endif
#endif

namespace aziot::openssl_engine {
namespace {

struct Outcome {
  int status;
  std::string text;
};

Outcome RunCommand(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  std::string text;
  std::array<char, 4096> buffer;
  while (const size_t count = fread(buffer.data(), 1, buffer.size(), pipe)) text.append(buffer.data(), count);
  return {pclose(pipe), text};
}

class CommandTest : public ProviderFixture, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
#ifdef AZIOT_SANITIZED
    GTEST_SKIP() << "the openssl command is not built with the sanitizer";
#endif
    ProviderFixture::SetUp();
  }
  EVP_PKEY* original() const { return std::string(GetParam()) == "rsa" ? rsa_.get() : ec_.get(); }
  // Runs `command` where openssl.cnf activates the provider with `settings`.
  static Outcome RunConfigured(const std::string& settings, const std::string& command) {
    char name[] = "/tmp/command_test_XXXXXX";
    const std::filesystem::path directory(mkdtemp(name));
    std::ofstream(directory / "openssl.cnf")
        << "openssl_conf = init\n[init]\nproviders = all\n[all]\ndefault = d\n"
        << "aziot_keys = a\n[d]\nactivate = 1\n[a]\nactivate = 1\nmodule = "
        << AZIOT_MODULE_DIR "/aziot_keys.so\n"
        << settings;
    Outcome outcome = RunCommand("OPENSSL_CONF='" + (directory / "openssl.cnf").string() + "' " + command);
    std::filesystem::remove_all(directory);
    return outcome;
  }
  std::string Providers() const {
    return " -provider-path '" AZIOT_MODULE_DIR "' -provider default -provider aziot_keys ";
  }
};
INSTANTIATE_TEST_SUITE_P(Keys, CommandTest, testing::Values("rsa", "ec"));

TEST_P(CommandTest, MakesACertificateRequest) {
  const Outcome made =
      RunCommand("openssl req -new -subj /CN=device" + Providers() + "-key '" + UriOf(GetParam()) + "'");
  ASSERT_EQ(made.status, 0) << made.text;
  std::unique_ptr<BIO, FreeWith<BIO_free_all>> pem(
      BIO_new_mem_buf(made.text.data(), static_cast<int>(made.text.size())));
  const X509ReqPtr request(PEM_read_bio_X509_REQ(pem.get(), nullptr, nullptr, nullptr));
  ASSERT_NE(request, nullptr) << made.text;
  EXPECT_EQ(X509_REQ_verify(request.get(), original()), 1);
}

TEST_P(CommandTest, TakesItsSettingsFromTheConfiguration) {
  const Outcome shown = RunConfigured("socket_path = " + keyd_.socket_path() + "\n",
                                      std::string("openssl pkey -pubout -in 'aziot:key=") + GetParam() + "'");
  ASSERT_EQ(shown.status, 0) << shown.text;
  std::unique_ptr<BIO, FreeWith<BIO_free_all>> pem(
      BIO_new_mem_buf(shown.text.data(), static_cast<int>(shown.text.size())));
  const PkeyPtr key(PEM_read_bio_PUBKEY(pem.get(), nullptr, nullptr, nullptr));
  ASSERT_NE(key, nullptr) << shown.text;
  EXPECT_EQ(EVP_PKEY_eq(key.get(), original()), 1);
}

TEST_P(CommandTest, AsksWithTheConfiguredVersion) {
  const std::string settings = "socket_path = " + keyd_.socket_path() + "\napi_version = ";
  const std::string command = std::string("openssl pkey -pubout -in 'aziot:key=") + GetParam() + "'";
  EXPECT_EQ(RunConfigured(settings + "2021-05-01\n", command).status, 0);
  // The server of this test knows one version only.
  const Outcome other = RunConfigured(settings + "2020-09-01&x\n", command);
  EXPECT_NE(other.text.find("not as the client should write it"), std::string::npos) << other.text;
}

TEST_P(CommandTest, ASocketPathThatCannotBeOneIsNamed) {
  for (const std::string& path : {std::string("keyd.sock"), "/" + std::string(200, 'a')}) {
    const Outcome refused =
        RunConfigured("socket_path = " + path + "\n", "openssl pkey -pubout -in aziot:key=a");
    EXPECT_NE(refused.text.find("GET /keypair/a: connecting to keyd: the socket's path \"" + path + "\" is "),
              std::string::npos)
        << refused.text;
  }
}

TEST_P(CommandTest, ReadsTheChainFromTheConfiguredCertd) {
  const X509Ptr certificate = NewCertificate(original());
  ASSERT_GT(X509_sign(certificate.get(), original(), EVP_sha256()), 0);
  const std::unique_ptr<BIO, FreeWith<BIO_free_all>> out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), certificate.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  const std::string pem(text, static_cast<size_t>(size));
  keyd_.SetChain("device-id", pem);
  const Outcome shown = RunConfigured("certd_socket_path = " + keyd_.socket_path() + "\n",
                                      "openssl storeutl -certs aziot:cert=device-id");
  EXPECT_EQ(shown.status, 0) << shown.text;
  EXPECT_NE(shown.text.find(pem), std::string::npos) << shown.text;
}

TEST_P(CommandTest, ShowsWhatKeydSaid) {
  keyd_.Refuse(400, "parameter \"handle\" has an invalid value");
  const Outcome refused =
      RunCommand("openssl req -new -subj /CN=device" + Providers() + "-key '" + UriOf(GetParam()) + "'");
  EXPECT_NE(refused.status, 0);
  EXPECT_NE(refused.text.find("keyd refused with status 400: parameter \"handle\" has an invalid value"),
            std::string::npos)
      << refused.text;
}

}  // namespace
}  // namespace aziot::openssl_engine
