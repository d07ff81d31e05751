#include "tests/bench/keyd_under_test.h"

#include <signal.h>

#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/bench/process_figures.h"
#include "tests/bench/raw_client.h"

namespace aziot::bench {
namespace {

constexpr const char* kProgram = "libexec/aziot-identity-service/aziot-keyd";
constexpr size_t kPlaintextBytes = 1024;

std::string AeadParameters() {
  return absl::StrCat(R"("algorithm":"AEAD","parameters":{"iv":")", absl::Base64Escape(std::string(12, '\6')),
                      R"(","aad":"YWFk"})");
}

}  // namespace

KeydUnderTest::KeydUnderTest() : keyd_(root_, kProgram, "aziotks") {
  std::ofstream(root_.Join("etc/aziot/keyd/config.toml"))
      << "[aziot_keys]\nhomedir_path = \"" << root_.Join("var/lib/aziot/keyd")
      << "\"\n\n[[principal]]\nuid = 0\nkeys = [\"*\"]\n";
  Restart();
  key_ =
      Member(Post("/key?api-version=2021-05-01", R"({"keyId":"key","usage":"sign,encrypt"})"), "keyHandle");
  ec_pair_ = Member(CreatePairRequest("ec"), "keyHandle");
  rsa_pair_ = Member(CreatePairRequest("rsa", "rsa-2048"), "keyHandle");
  sealed_ = Member(EncryptRequest(), "ciphertext");
}

std::string KeydUnderTest::Member(const std::string& request, const std::string& member) const {
  RawClient client(socket());
  const bool answered = client.Ask(request);
  const std::string body(client.body());
  const std::string before = absl::StrCat("{\"", member, "\":");
  if (!answered || body.compare(0, before.size(), before) != 0)
    GiveUp("keyd refused: " + request + body, log());
  return body.substr(before.size(), body.size() - before.size() - 1);
}

std::string KeydUnderTest::HmacRequest() const {
  return Post(
      "/sign?api-version=2021-05-01",
      absl::StrCat(R"({"keyHandle":)", key_, R"(,"algorithm":"HMAC-SHA256","parameters":{"message":")",
                   absl::Base64Escape(std::string(32, '\2')), "\"}}"));
}
std::string KeydUnderTest::EcdsaRequest() const {
  return Post("/sign?api-version=2021-05-01",
              absl::StrCat(R"({"keyHandle":)", ec_pair_, R"(,"algorithm":"ECDSA","parameters":{"digest":")",
                           absl::Base64Escape(std::string(32, '\3')), "\"}}"));
}
std::string KeydUnderTest::RsaRequest() const {
  return Post("/encrypt?api-version=2021-05-01",
              absl::StrCat(R"({"keyHandle":)", rsa_pair_, R"(,"algorithm":"RSA-PKCS1","plaintext":")",
                           absl::Base64Escape(std::string(51, '\4')), "\"}"));
}
std::string KeydUnderTest::EncryptRequest() const {
  return Post("/encrypt?api-version=2021-05-01",
              absl::StrCat(R"({"keyHandle":)", key_, ",", AeadParameters(), R"(,"plaintext":")",
                           absl::Base64Escape(std::string(kPlaintextBytes, '\5')), "\"}"));
}
std::string KeydUnderTest::DecryptRequest() const {
  return Post("/decrypt?api-version=2021-05-01", absl::StrCat(R"({"keyHandle":)", key_, ",", AeadParameters(),
                                                              R"(,"ciphertext":)", sealed_, "}"));
}
std::string KeydUnderTest::CreatePairRequest(const std::string& id, const std::string& algorithm) {
  return Post("/keypair?api-version=2021-05-01",
              absl::StrCat(R"({"keyId":")", id, R"(","preferredAlgorithms":")", algorithm, "\"}"));
}

double KeydUnderTest::Restart() {
  if (keyd_.Runs()) keyd_.Stop(SIGTERM);
  return StartToAnswer(keyd_, socket(), "/ready");
}

}  // namespace aziot::bench
