// The benchmark cases that need more than keyd: the whole suite provisioned and at rest, and identityd with
// its cloud dead. An argument keeps the cases whose name it is part of.
#include <signal.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "tests/bench/cases.h"
#include "tests/bench/floors.h"
#include "tests/bench/load.h"
#include "tests/bench/process_figures.h"
#include "tests/bench/raw_client.h"
#include "tests/support/suite.h"

namespace aziot::bench {
namespace {

using Json = nlohmann::json;

constexpr char kIdentity[] = "/identities/identity?api-version=2020-09-01";
constexpr std::chrono::seconds kIdle{10};

class SuiteBench {
 public:
  explicit SuiteBench(std::string filter) : cases_(std::move(filter)) { Provision(); }

  int Run() {
    if (cases_.Wanted("10 size of the three daemons")) Size();
    if (cases_.Wanted("14 own identity, cloud dead")) Identity();
    return cases_.Report();
  }

 private:
  std::string Socket(const std::string& daemon) const {
    return suite_.root().Join(absl::StrCat("run/aziot/", daemon, ".sock"));
  }
  std::string Told(const tests::Output& output) const {
    if (output.status != 0) GiveUp(output.text, suite_.cloud().Log());
    return output.text;
  }
  void Write(const std::string& file, const std::string& text) {
    if (!files::Replace(suite_.root().Join(file), text, 0644).ok()) GiveUp("no " + file, "");
  }

  // A DPS device that is provisioned; root, who asks here, is one of its modules.
  void Provision() {
    suite_.StartCloud();
    const Json enrolled = Json::parse(Told(suite_.Provisionctl("enrollment create bench-device --json")));
    const Json status = Json::parse(Told(suite_.Provisionctl("status --json")));
    Write("etc/aziot/config.toml",
          absl::StrCat("[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"https://", suite_.hub(),
                       "/\"\nid_scope = \"", status.at("scopes").at(0).get<std::string>(),
                       "\"\n[provisioning.attestation]\nmethod = \"symmetric_key\"\n"
                       "registration_id = \"bench-device\"\nsymmetric_key = { value = \"",
                       enrolled.at("keys").at("primaryKey").get<std::string>(), "\" }\n"));
    Told(suite_.Aziotctl("config apply"));
    Write("etc/aziot/identityd/config.d/bench.toml",
          "[[principal]]\nuid = 0\nname = \"bench\"\nidtype = [\"module\"]\n");
    suite_.StartKeyd();
    suite_.StartCertd();
    suite_.StartIdentityd();
    RawClient client(Socket("identityd"));
    if (!tests::Eventually([&] { return client.Ask(Get("/ready")) && client.Ask(Get(kIdentity)); })) {
      GiveUp("the device is not provisioned", suite_.identityd().Log());
    }
  }

  double RestartIdentityd() {
    suite_.identityd().Stop(SIGTERM);
    return StartToAnswer(suite_.identityd(), Socket("identityd"), kIdentity,
                         {{"SSL_CERT_FILE", suite_.CloudRoot()}});
  }

  void Size() {
    // As they are after a boot: provisioned before, and nobody has asked them much yet.
    std::vector<double> starts;
    for (int round = 0; round < 5; ++round) starts.push_back(RestartIdentityd());
    cases_.WantAtMost("10 identityd, start to the caller's identity, ms", Median(starts), 14);
    suite_.certd().Stop(SIGTERM);
    cases_.WantAtMost("10 certd, start to first answer, ms",
                      StartToAnswer(suite_.certd(), Socket("certd"), "/live"), 8);
    std::this_thread::sleep_for(std::chrono::seconds(3));
    struct Daemon {
      const char* name;
      pid_t pid;
      double dirty;
      uint64_t woken = 0;
    };
    Daemon daemons[] = {{"keyd", suite_.keyd().pid(), 1536},
                        {"certd", suite_.certd().pid(), 1536},
                        {"identityd", suite_.identityd().pid(), 2560}};
    for (Daemon& daemon : daemons) daemon.woken = WakeUpsOf(daemon.pid);
    std::this_thread::sleep_for(kIdle);
    double pss = 0;
    for (const Daemon& daemon : daemons) {
      cases_.WantAtMost(absl::StrCat("10 ", daemon.name, ", wake-ups in ", kIdle.count(), " s idle"),
                        static_cast<double>(WakeUpsOf(daemon.pid) - daemon.woken), 0);
      const Memory memory = MemoryOf(daemon.pid);
      pss += memory.pss_kib;
      cases_.WantAtMost(absl::StrCat("10 ", daemon.name, ", private dirty, KiB"), memory.private_dirty_kib,
                        daemon.dirty);
    }
    cases_.WantAtMost("10 PSS of the three daemons, KiB", pss, 20480);
  }

  void Identity() {
    suite_.cloud().Stop(SIGKILL);
    cases_.WantAtMost("14 cold start, cloud dead: first identity, ms", RestartIdentityd(), 100);
    const std::string ping = suite_.root().Join("var/log/ping.sock");
    const Figures row = cases_.Measure({.name = "14 own identity, cloud dead",
                                        .clients = 1,
                                        .request = KeptAlive(Socket("identityd"), Get(kIdentity)),
                                        .floors = {[&ping] {
                                          const PingServer server(ping, 1);
                                          return RunLoad(1, kFloorRun, Ping(ping));
                                        }},
                                        .observed = [this] { return suite_.identityd().pid(); }});
    cases_.WantAtMost("14 own identity, cloud dead: p50 above uds, us", row.p50_us - row.floor_p50_us, 100);
  }

  Cases cases_;
  mutable tests::Suite suite_;
};

}  // namespace
}  // namespace aziot::bench

int main(int argc, char** argv) { return aziot::bench::SuiteBench(argc > 1 ? argv[1] : "").Run(); }
