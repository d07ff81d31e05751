// provisiond's benchmark case 16: registrations of devices never seen before, each by a key derived from one
// group, while the store grows. The floor is one row and one durable commit each in a SQLite file beside it.
// An argument keeps the cases whose name it is part of.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/bench/cases.h"
#include "tests/bench/load.h"
#include "tests/bench/provisiond_bench_client.h"
#include "tests/bench/provisiond_bench_cloud.h"

namespace aziot::bench {
namespace {

constexpr int kSmall = 1000;
constexpr int kLarge = 100000;

class ProvisiondBench {
 public:
  explicit ProvisiondBench(std::string filter) : cases_(std::move(filter)) {}

  int Run() {
    for (const int clients : {1, 16}) {
      if (!cases_.Wanted("16 register")) continue;
      const Figures small = Register(kSmall, clients), large = Register(kLarge, clients);
      cases_.WantAtMost(absl::StrCat("16 register, ", clients, " clients: p99, ", kLarge, " of ", kSmall),
                        large.p99_us / std::max(small.p99_us, 1e-9), 1.5);
      if (clients > 1)
        cases_.Want(absl::StrCat(large.name, ", 16 clients: of the floor"), large.of_floor, 0.5);
    }
    return cases_.Report();
  }

 private:
  Figures Register(int devices, int clients) {
    return cases_.Measure(
        {.name = absl::StrCat("16 register, ", devices, " devices"),
         .clients = clients,
         // provisiond listens elsewhere after each of its starts.
         .request = [this](int client) { return RegisterNewDevices(cloud_.service())(client); },
         .floors = {[this, devices] {
           cloud_.Hold(devices);
           return RunLoad(1, kFloorRun, InsertRows(cloud_.scratch()));
         }},
         .observed = [this] { return cloud_.pid(); }});
  }

  Cases cases_;
  CloudUnderTest cloud_;
};

}  // namespace
}  // namespace aziot::bench

int main(int argc, char** argv) { return aziot::bench::ProvisiondBench(argc > 1 ? argv[1] : "").Run(); }
