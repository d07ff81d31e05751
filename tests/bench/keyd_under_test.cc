#include "tests/bench/keyd_under_test.h"

#include <signal.h>
#include <time.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/bench/raw_client.h"

namespace aziot::bench {
namespace {

constexpr const char* kProgram = "libexec/aziot-identity-service/aziot-keyd";
constexpr size_t kPlaintextBytes = 1024;
constexpr std::chrono::seconds kStartAtMost{20};

std::string AeadParameters() {
  return absl::StrCat(R"("algorithm":"AEAD","parameters":{"iv":")", absl::Base64Escape(std::string(12, '\6')),
                      R"(","aad":"YWFk"})");
}

[[noreturn]] void GiveUp(const std::string& what, const std::string& log) {
  std::fprintf(stderr, "%s\n%s\n", what.c_str(), log.c_str());
  std::exit(1);
}

// Of a `Name:   123 kB` line.
double KibOf(const std::string& line) { return std::atof(line.c_str() + line.find(':') + 1); }

}  // namespace

KeydUnderTest::KeydUnderTest() : keyd_(root_, kProgram, "aziotks") {
  std::ofstream(root_.Join("etc/aziot/keyd/config.toml"))
      << "[aziot_keys]\nhomedir_path = \"" << root_.Join("var/lib/aziot/keyd")
      << "\"\n\n[[principal]]\nuid = 0\nkeys = [\"*\"]\n";
  Restart();
  key_ =
      Member(Post("/key?api-version=2021-05-01", R"({"keyId":"key","usage":"sign,encrypt"})"), "keyHandle");
  ec_pair_ = Member(CreatePairRequest("ec"), "keyHandle");
  rsa_pair_ =
      Member(Post("/keypair?api-version=2021-05-01", R"({"keyId":"rsa","preferredAlgorithms":"rsa-2048"})"),
             "keyHandle");
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
std::string KeydUnderTest::CreatePairRequest(const std::string& id) {
  return Post("/keypair?api-version=2021-05-01",
              absl::StrCat(R"({"keyId":")", id, R"(","preferredAlgorithms":"ec-p256"})"));
}

double KeydUnderTest::Restart() {
  if (keyd_.Runs()) keyd_.Stop(SIGTERM);
  const std::string ready = Get("/ready");
  RawClient client(socket());
  const auto started = std::chrono::steady_clock::now();
  keyd_.Start();
  while (!client.Ask(ready)) {
    if (!keyd_.Runs() || std::chrono::steady_clock::now() - started > kStartAtMost)
      GiveUp("keyd does not start", log());
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - started).count();
}

Memory KeydUnderTest::memory() const {
  Memory memory;
  std::ifstream rollup(absl::StrCat("/proc/", pid(), "/smaps_rollup"));
  for (std::string line; std::getline(rollup, line);) {
    if (line.rfind("Pss:", 0) == 0) memory.pss_kib = KibOf(line);
    if (line.rfind("Anonymous:", 0) == 0) memory.private_dirty_kib = KibOf(line);
  }
  return memory;
}

uint64_t KeydUnderTest::wake_ups() const {
  uint64_t sum = 0;
  for (const auto& task : std::filesystem::directory_iterator(absl::StrCat("/proc/", pid(), "/task"))) {
    std::ifstream status(task.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("voluntary_ctxt_switches:", 0) == 0) sum += static_cast<uint64_t>(KibOf(line));
    }
  }
  return sum;
}

}  // namespace aziot::bench
