#include "tests/bench/hardware_keyd.h"

#include <signal.h>

#include <cstdio>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/bench/process_figures.h"
#include "tests/bench/raw_client.h"
#include "tests/support/run_command.h"

namespace aziot::bench {
namespace {

constexpr char kSoftHsm[] = "/usr/lib/softhsm/libsofthsm2.so";
constexpr char kPin[] = "1234";

std::string NewKey(const std::string& id) {
  return Post("/key?api-version=2021-05-01", absl::StrCat(R"({"keyId":")", id, R"(","usage":"sign"})"));
}

}  // namespace

HardwareKeyd::HardwareKeyd(Place place, const std::string& where) {
  Start("");
  key_on_disk_ = HandleOf(NewKey("on-disk"));
  keyd_.Stop(SIGTERM);
  if (place == Place::kToken) {
    const tests::Output made = tests::RunCommand(absl::StrCat(
        "set -e; install -d -o aziotks -g aziotks ", root_.Join("hsm"), " ", root_.Join("hsm/tokens"),
        "; echo directories.tokendir = ", root_.Join("hsm/tokens"), " > ", root_.Join("hsm/softhsm2.conf"),
        "; SOFTHSM2_CONF=", root_.Join("hsm/softhsm2.conf"),
        " setpriv --reuid aziotks --regid aziotks --clear-groups softhsm2-util --init-token --free"
        " --label bench --so-pin ",
        kPin, " --pin ", kPin, " 2>&1"));
    if (made.status != 0) GiveUp("no token (package softhsm2)", made.text);
    Start(absl::StrCat("pkcs11_lib_path = \"", where.empty() ? kSoftHsm : where,
                       "\"\npkcs11_base_slot = \"pkcs11:token=bench?pin-value=", kPin, "\"\n"));
  } else {
    Start(absl::StrCat("tpm_tcti = \"", where, "\"\n"));
  }
  pair_ = HandleOf(
      Post("/keypair?api-version=2021-05-01", R"({"keyId":"pair","preferredAlgorithms":"ec-p256"})"));
  key_ = HandleOf(NewKey("key"));
  // What is looked up once is not what is measured.
  for (const std::string& request : {EcdsaRequest(), HmacRequest(), HmacOnDiskRequest()}) {
    RawClient client(socket());
    if (!client.Ask(request)) GiveUp("keyd does not sign", keyd_.Log());
  }
}

void HardwareKeyd::Start(const std::string& parameters) {
  std::ofstream(root_.Join("etc/aziot/keyd/config.toml"))
      << "[aziot_keys]\nhomedir_path = \"" << root_.Join("var/lib/aziot/keyd") << "\"\n"
      << parameters << "\n[[principal]]\nuid = 0\nkeys = [\"*\"]\n";
  StartToAnswer(keyd_, socket(), "/ready",
                {{"SOFTHSM2_CONF", root_.Join("hsm/softhsm2.conf")},
                 {"AZIOT_FAULTY_BEHIND", kSoftHsm},
                 {"AZIOT_FAULTY_CONTROL", root_.Join("hsm/rules")}});
}

void HardwareKeyd::Follow(const std::string& rules) const {
  std::ofstream(root_.Join("hsm/next")) << rules << "\n";
  if (std::rename(root_.Join("hsm/next").c_str(), root_.Join("hsm/rules").c_str()) != 0) {
    GiveUp("no rules for the module", rules);
  }
}

std::string HardwareKeyd::HandleOf(const std::string& request) const {
  RawClient client(socket());
  const bool answered = client.Ask(request);
  absl::string_view body = client.body();
  if (!answered || !absl::ConsumePrefix(&body, R"({"keyHandle":)") || !absl::ConsumeSuffix(&body, "}")) {
    GiveUp("keyd refused: " + request + std::string(client.body()), keyd_.Log());
  }
  return std::string(body);
}

std::string HardwareKeyd::HmacOf(const std::string& handle) const {
  return Post(
      "/sign?api-version=2021-05-01",
      absl::StrCat(R"({"keyHandle":)", handle, R"(,"algorithm":"HMAC-SHA256","parameters":{"message":")",
                   absl::Base64Escape(std::string(32, '\2')), "\"}}"));
}

std::string HardwareKeyd::EcdsaRequest() const {
  return Post("/sign?api-version=2021-05-01",
              absl::StrCat(R"({"keyHandle":)", pair_, R"(,"algorithm":"ECDSA","parameters":{"digest":")",
                           absl::Base64Escape(std::string(32, '\3')), "\"}}"));
}
std::string HardwareKeyd::HmacRequest() const { return HmacOf(key_); }
std::string HardwareKeyd::HmacOnDiskRequest() const { return HmacOf(key_on_disk_); }

}  // namespace aziot::bench
