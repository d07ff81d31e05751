// The peer is an ENGINE, so what OpenSSL 3 deprecates is used here.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "tests/bench/pkcs11_engine_peer.h"

#include <openssl/engine.h>
#include <openssl/pem.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "tests/bench/process_figures.h"
#include "tests/bench/tls_handshakes.h"
#include "tests/support/run_command.h"

namespace aziot::bench {
namespace {

constexpr char kSoftHsm[] = "/usr/lib/softhsm/libsofthsm2.so";
constexpr char kPin[] = "1234";

// The engine's key; null when it has none. Loaded in the process of the clients: a token's sessions do not
// survive a fork.
EVP_PKEY* LoadKey(const std::string& label) {
  static const bool loaded = [] {
    ENGINE_load_dynamic();
    return true;
  }();
  ENGINE* const engine = loaded ? ENGINE_by_id("pkcs11") : nullptr;
  if (engine == nullptr || ENGINE_ctrl_cmd_string(engine, "MODULE_PATH", kSoftHsm, 0) != 1 ||
      ENGINE_ctrl_cmd_string(engine, "PIN", kPin, 0) != 1 || ENGINE_init(engine) != 1) {
    return nullptr;
  }
  const std::string uri = absl::StrCat("pkcs11:token=bench;object=", label, ";type=private");
  return ENGINE_load_private_key(engine, uri.c_str(), nullptr, nullptr);
}

}  // namespace

Pkcs11EnginePeer::Pkcs11EnginePeer(const std::string& directory) : directory_(directory + "/pkcs11-engine") {
  const std::string settings = directory_ + "/softhsm2.conf";
  const tests::Output made = tests::RunCommand(absl::StrCat(
      "set -e; rm -rf ", directory_, "; mkdir -p ", directory_, "/tokens\necho directories.tokendir = ",
      directory_, "/tokens > ", settings, "\nSOFTHSM2_CONF=", settings,
      " softhsm2-util --init-token --free --label bench --so-pin ", kPin, " --pin ", kPin, " 2>&1"));
  if (made.status != 0) GiveUp("no token (package softhsm2)", made.text);
  setenv("SOFTHSM2_CONF", settings.c_str(), 1);
}

Worker Pkcs11EnginePeer::TlsHandshakes(EVP_PKEY* key, X509* certificate, const std::string& label) {
  const std::string path = absl::StrCat(directory_, "/", label, ".pem");
  FILE* const file = std::fopen(path.c_str(), "w");
  if (file == nullptr || PEM_write_PKCS8PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr) != 1 ||
      std::fclose(file) != 0) {
    GiveUp("cannot write " + path, "");
  }
  const tests::Output put =
      tests::RunCommand(absl::StrCat("softhsm2-util --import ", path, " --token bench --label ", label,
                                     " --id ", label == "rsa" ? "01" : "02", " --pin ", kPin, " 2>&1"));
  if (put.status != 0) GiveUp("softhsm2-util does not import " + path, put.text);
  return [certificate, label](int client) -> Operation {
    static std::mutex one_at_a_time;
    static Worker shared;
    const std::lock_guard lock(one_at_a_time);
    if (shared == nullptr) {
      EVP_PKEY* const remote = LoadKey(label);
      if (remote == nullptr) return [] { return false; };
      shared = bench::TlsHandshakes(remote, certificate);
    }
    return shared(client);
  };
}

}  // namespace aziot::bench
