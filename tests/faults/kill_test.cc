// Daemons are killed at any moment while many clients write. What was acknowledged is there after the next
// start; what was under way is there or not, whole. AZIOT_KILL_ROUNDS says how often (250 of each daemon by
// default; 10,000 in all before a release).
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/bytes/base64.h"
#include "common/files/files.h"
#include "common/openssl/digest.h"
#include "tests/faults/victim.h"
#include "tests/faults/worlds.h"

namespace aziot::tests::faults {
namespace {

constexpr int kClients = 4;
constexpr int kIdsEach = 3;

int Rounds() {
  const char* text = std::getenv("AZIOT_KILL_ROUNDS");
  int rounds = 0;
  return text != nullptr && absl::SimpleAtoi(text, &rounds) ? rounds : 250;
}

// One object's acknowledged state, and the states it may have instead because a call on it had no answer.
struct Known {
  std::string state = "absent";
  std::set<std::string> possible;
};

// Writes to one id, at random. True: it was acknowledged, and the object is now as `state` says.
using Write = std::function<bool(std::mt19937& random, const std::string& id, std::string& state)>;

// What SeeKeyd finds for a key of these bytes.
std::string HmacOfHello(const std::string& bytes) {
  return FormatBase64(openssl::HmacSha256(ToBytesView(bytes), ToBytesView("hello")));
}

class KillTest : public ::testing::Test {
 protected:
  // From the start of the process to its first answer.
  static double StartTime(Victim& victim) {
    const auto begin = std::chrono::steady_clock::now();
    victim.Start();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  }
  // What a start after a kill costs more than one that has nothing to repair.
  static void PrintRepair(Victim& victim, std::vector<double> repaired) {
    std::vector<double> clean;
    for (int i = 0; i < 9; ++i) {
      victim.process().Stop(SIGTERM);
      clean.push_back(StartTime(victim));
    }
    std::sort(repaired.begin(), repaired.end());
    std::sort(clean.begin(), clean.end());
    const auto middle = [](const std::vector<double>& times) { return times[times.size() / 2]; };
    std::cout << absl::StrFormat(
        "start-up repair: %.1f ms (from start to first answer %.1f ms in the middle of %d starts after a "
        "kill, %.1f ms at most; %.1f ms after a clean end)\n",
        std::max(0.0, middle(repaired) - middle(clean)), middle(repaired), repaired.size(), repaired.back(),
        middle(clean));
  }

  void Run(Victim& victim, const Write& write, const std::function<World(const std::string&)>& see) {
    std::map<std::string, Known> known;
    for (int client = 0; client < kClients; ++client) {
      for (int i = 0; i < kIdsEach; ++i) known[absl::StrCat("c", client, "-", i)];
    }
    std::mt19937 seeds(20261126);
    int acknowledged = 0;
    std::vector<double> repaired;
    ASSERT_NO_FATAL_FAILURE(victim.Start());
    for (int round = 0; round < Rounds(); ++round) {
      SCOPED_TRACE(absl::StrCat("round ", round));
      std::atomic<int> acknowledged_now = 0;
      std::vector<std::thread> clients;
      for (int client = 0; client < kClients; ++client) {
        clients.emplace_back([&, client, seed = seeds()] {
          std::mt19937 random(seed);
          while (true) {
            const std::string id = absl::StrCat("c", client, "-", random() % kIdsEach);
            std::string state;
            if (!write(random, id, state)) {
              known.at(id).possible.insert(state);
              return;
            }
            known.at(id).state = state;
            ++acknowledged_now;
          }
        });
      }
      std::this_thread::sleep_for(std::chrono::microseconds(2000 + seeds() % 40'000));
      victim.process().Stop(SIGKILL);
      for (std::thread& client : clients) client.join();
      acknowledged += acknowledged_now;

      ASSERT_NO_FATAL_FAILURE(repaired.push_back(StartTime(victim)));
      for (auto& [id, object] : known) {
        const std::string found = see(id).at(id);
        ASSERT_TRUE(found == object.state || object.possible.contains(found))
            << id << " was " << object.state << " and is " << found;
        object = {.state = found, .possible = {}};
      }
    }
    EXPECT_GT(acknowledged, Rounds());
    ASSERT_NO_FATAL_FAILURE(PrintRepair(victim, std::move(repaired)));
    victim.Kill();
  }

  TempRoot root_;
};

TEST_F(KillTest, Keyd) {
  Victim keyd(root_, "keyd", "aziotks");
  ASSERT_TRUE(files::Replace(root_.Join("etc/aziot/keyd/config.toml"),
                             absl::StrCat("[aziot_keys]\nhomedir_path = \"", keyd.home(), "\"\n"), 0644)
                  .ok());
  const auto see = [&](const std::string& id) { return SeeKeyd(keyd, {id}, {}); };
  const Write write = [&](std::mt19937& random, const std::string& id, std::string& state) {
    if (random() % 3 == 0) {
      const http::Response got = keyd.Ask("GET", absl::StrCat("/key/", id, "?api-version=2021-05-01"));
      state = "absent";
      if (got.status == 400) return true;
      return got.status == 200 &&
             keyd.Ask("DELETE", "/key?api-version=2021-05-01", HandleBody(Member(got, "keyHandle"))).status ==
                 204;
    }
    const std::string bytes = absl::StrCat("key ", random());
    state = HmacOfHello(bytes);
    return keyd.Ask("POST", "/key?api-version=2021-05-01", ImportBody(id, bytes)).status == 200;
  };
  Run(keyd, write, see);
}

TEST_F(KillTest, Certd) {
  Victim certd(root_, "certd", "aziotcs");
  ASSERT_TRUE(files::Replace(root_.Join("etc/aziot/certd/config.toml"),
                             absl::StrCat("homedir_path = \"", certd.home(), "\"\n"), 0644)
                  .ok());
  const auto see = [&](const std::string& id) { return SeeCertd(certd, {id}); };
  const Write write = [&](std::mt19937& random, const std::string& id, std::string& state) {
    const std::string path = absl::StrCat("/certificates/", id, "?api-version=2020-09-01");
    if (random() % 3 == 0) {
      state = "absent";
      return certd.Ask("DELETE", path).status == 204;
    }
    state = absl::StrCat("certificate ", random(), std::string(random() % 5000, '.'));
    return certd.Ask("PUT", path, PemBody(state)).status == 201;
  };
  Run(certd, write, see);
}

}  // namespace
}  // namespace aziot::tests::faults
