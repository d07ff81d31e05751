// Case 9: TLS with the server's key behind our OpenSSL provider, beside the same key in the process and
// behind the PKCS#11 engine; and one signature beside one call of keyd. An argument keeps the cases whose
// name it is part of.
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/openssl/remote_keys.h"
#include "tests/bench/cases.h"
#include "tests/bench/keyd_under_test.h"
#include "tests/bench/pkcs11_engine_peer.h"
#include "tests/bench/process_figures.h"
#include "tests/bench/raw_client.h"
#include "tests/bench/tls_handshakes.h"
#include "tests/support/run_command.h"

namespace aziot::bench {
namespace {

struct Kind {
  const char* name;
  const char* id;  // of the pair that KeydUnderTest has made
  double of_in_process;
};
constexpr Kind kKinds[] = {{"rsa-2048", "rsa", 0.95}, {"p-256", "ec", 0.75}};
constexpr double kOfRestCall = 1.15;

class OpensslBench {
 public:
  explicit OpensslBench(std::string filter) : cases_(std::move(filter)) {}

  int Run() {
    for (const Kind& kind : kKinds) {
      const std::string handshakes = absl::StrCat("9 tls 1.3, ", kind.name);
      if (cases_.Wanted(handshakes)) Handshakes(handshakes, kind);
      const std::string signature = absl::StrCat("9 signature, ", kind.name);
      if (cases_.Wanted(signature)) Signature(signature, kind);
    }
    return cases_.Report();
  }

 private:
  EVP_PKEY* Remote(const Kind& kind) {
    auto key = remote_.Load(absl::StrCat("aziot:key=", kind.id, ";socket=", keyd_.socket()));
    if (!key.ok()) GiveUp(key.status().ToString(), keyd_.log());
    return key->release();  // as long as the process
  }

  void Handshakes(const std::string& name, const Kind& kind) {
    EVP_PKEY* const remote = Remote(kind);
    EVP_PKEY* const local = std::string(kind.id) == "rsa" ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    const Worker behind = TlsHandshakes(remote, NewCertificate(remote, remote_.context()));
    X509* const certificate = NewCertificate(local, nullptr);
    const Worker in_process = TlsHandshakes(local, certificate);
    Pkcs11EnginePeer token(keyd_.scratch());
    const Worker engine = token.TlsHandshakes(local, certificate, kind.id);
    for (const int clients : {1, 4}) {
      const Figures row = cases_.Measure(
          {.name = name,
           .clients = clients,
           .request = behind,
           .floors = {[=] { return RunLoad(clients, kFloorRun, in_process); }},
           .peers = {{"libengine-pkcs11, SoftHSM", [=] { return RunLoad(clients, kFloorRun, engine); }}},
           .observed = [this] { return keyd_.pid(); }});
      const std::string of = absl::StrCat(name, ", ", clients, " clients: of ");
      cases_.Want(of + "in process", row.of_floor, kind.of_in_process);
      cases_.Want(of + "the PKCS#11 engine", row.peers.front().of_peer, 1);
    }
  }

  void Signature(const std::string& name, const Kind& kind) {
    const std::string request = std::string(kind.id) == "rsa" ? keyd_.RsaRequest() : keyd_.EcdsaRequest();
    const Worker rest = OneConnectionEach(keyd_.socket(), request);
    const Figures row = cases_.Measure({.name = name,
                                        .clients = 1,
                                        .request = Signatures(Remote(kind)),
                                        .floors = {[rest] { return RunLoad(1, kFloorRun, rest); }},
                                        .observed = [this] { return keyd_.pid(); }});
    cases_.WantAtMost(name + ": p50 of a REST call's", row.p50_us / row.floor_p50_us, kOfRestCall);
  }

  Cases cases_;
  KeydUnderTest keyd_;
  openssl::RemoteKeys remote_{tests::BuildDir() + "/lib/ossl-modules"};
};

}  // namespace
}  // namespace aziot::bench

int main(int argc, char** argv) { return aziot::bench::OpensslBench(argc > 1 ? argv[1] : "").Run(); }
