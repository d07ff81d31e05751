// The parts of the server that need no socket: arguments, turns, the fair queue, bounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "common/server/args.h"
#include "common/server/bounds.h"
#include "common/server/connection_counts.h"
#include "common/server/round_robin.h"
#include "common/server/turns.h"

namespace aziot::server {
namespace {

Args Parse(std::vector<std::string> words) {
  words.insert(words.begin(), "aziot-keyd");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return ParseArgs("keyd", static_cast<int>(argv.size()), argv.data());
}

TEST(ArgsTest, TheRootGoesBeforeBuiltInPaths) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--root", "/tmp/x/"}, {"--root=/tmp/x"}}) {
    const Args args = Parse(words);
    EXPECT_EQ(args.root, "/tmp/x");
    EXPECT_EQ(args.config_file, "/tmp/x/etc/aziot/keyd/config.toml");
    EXPECT_EQ(args.config_dir, "/tmp/x/etc/aziot/keyd/config.d");
    EXPECT_EQ(args.socket, "/tmp/x/run/aziot/keyd.sock");
  }
  EXPECT_EQ(Parse({}).socket, "/run/aziot/keyd.sock");
}

TEST(ArgsTest, TheEnvironmentNamesFilesAsTheyAre) {
  setenv("AZIOT_KEYD_CONFIG", "/a.toml", 1);
  setenv("AZIOT_KEYD_CONFIG_DIR", "/a.d", 1);
  const Args args = Parse({"--root", "/tmp/x"});
  unsetenv("AZIOT_KEYD_CONFIG");
  unsetenv("AZIOT_KEYD_CONFIG_DIR");
  EXPECT_EQ(args.config_file, "/a.toml");
  EXPECT_EQ(args.config_dir, "/a.d");
}

TEST(ArgsDeathTest, RefusesWhatItDoesNotKnow) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(Parse({"--wrong"}), ::testing::ExitedWithCode(2), "unknown argument '--wrong'");
  EXPECT_EXIT(Parse({"--root"}), ::testing::ExitedWithCode(2), "--root needs a directory");
  EXPECT_EXIT(Parse({"--version"}), ::testing::ExitedWithCode(0), "");
}

struct CountedWaiter : Turns::Waiter {
  void OnTurn() override { ++turns; }
  int turns = 0;
};

TEST(TurnsTest, FirstComeFirstServedWithinAUidAndUidsApart) {
  Turns turns(1, 2);
  const auto a = std::make_shared<CountedWaiter>(), b = std::make_shared<CountedWaiter>(),
             c = std::make_shared<CountedWaiter>(), d = std::make_shared<CountedWaiter>();
  EXPECT_EQ(turns.Enter(1, a), Turns::Entry::kGranted);
  EXPECT_EQ(turns.Enter(1, b), Turns::Entry::kWaits);
  EXPECT_EQ(turns.Enter(1, c), Turns::Entry::kWaits);
  EXPECT_EQ(turns.Enter(1, d), Turns::Entry::kFull);
  EXPECT_EQ(turns.Enter(2, d), Turns::Entry::kGranted);
  turns.Leave(1);
  EXPECT_EQ(b->turns, 1);
  EXPECT_EQ(c->turns, 0);
  EXPECT_TRUE(turns.Cancel(1, c.get()));
  EXPECT_FALSE(turns.Cancel(1, c.get()));
  turns.Leave(1);
  EXPECT_EQ(c->turns, 0);
  EXPECT_EQ(turns.Enter(1, c), Turns::Entry::kGranted);
}

TEST(RoundRobinTest, OneUidsManyDelayAnothersOneByOne) {
  RoundRobin<int> queue;
  for (int i = 0; i < 3; ++i) queue.Push(1, i);
  queue.Push(2, 100);
  std::vector<int> order;
  while (!queue.empty()) order.push_back(queue.Pop());
  EXPECT_THAT(order, ::testing::ElementsAre(0, 100, 1, 2));
}

TEST(ConnectionCountsTest, BoundsAUidAndAll) {
  ConnectionCounts counts(3, 2);
  auto a = counts.Enter(1), b = counts.Enter(1);
  EXPECT_TRUE(a.has_value() && b.has_value());
  EXPECT_FALSE(counts.Enter(1).has_value());
  auto c = counts.Enter(2);
  EXPECT_TRUE(c.has_value());
  EXPECT_FALSE(counts.Enter(3).has_value());
  a.reset();
  EXPECT_TRUE(counts.Enter(3).has_value());
}

TEST(BoundsTest, DefaultsStandUntilConfigured) {
  config::v1::Limits limits;
  EXPECT_EQ(BoundsOf(limits).header, std::chrono::seconds(2));
  EXPECT_EQ(BoundsOf(limits).body_bytes, 256u * 1024);
  limits.set_body_bytes(10);
  EXPECT_EQ(BoundsOf(limits).body_bytes, 10u);
}

TEST(BoundsTest, OneUidNeverHoldsAllConnections) {
  config::v1::Limits limits;
  limits.set_connections(10);
  EXPECT_EQ(BoundsOf(limits).connections_per_uid, 5u);
  limits.set_connections(1);
  EXPECT_EQ(BoundsOf(limits).connections_per_uid, 1u);
}

}  // namespace
}  // namespace aziot::server
