#include "common/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace aziot::metrics {
namespace {

using ::testing::HasSubstr;

TEST(Registry, WritesAnEmptyExposition) { EXPECT_EQ(Registry().Write(), "# EOF\n"); }

TEST(Registry, WritesCountersAndGaugesInByteOrder) {
  Registry registry;
  registry.AddCounter("b_requests", "Requests.", {{"rpc", "Sign"}, {"class", "2xx"}}).Add(3);
  registry.AddCounter("b_requests", "Requests.", {{"rpc", "Encrypt"}, {"class", "2xx"}}).Add();
  registry.AddGauge("a_connections", "Open connections.", {}, [] { return 1234567.5; });
  EXPECT_EQ(registry.Write(),
            "# TYPE a_connections gauge\n"
            "# HELP a_connections Open connections.\n"
            "a_connections 1234567.5\n"
            "# TYPE b_requests counter\n"
            "# HELP b_requests Requests.\n"
            "b_requests_total{rpc=\"Encrypt\",class=\"2xx\"} 1\n"
            "b_requests_total{rpc=\"Sign\",class=\"2xx\"} 3\n"
            "# EOF\n");
}

TEST(Registry, EscapesWhatWouldEndALine) {
  Registry registry;
  registry.AddCounter("x", "a\nb", {{"l", "q\" \\ \n"}});
  const std::string text = registry.Write();
  EXPECT_THAT(text, HasSubstr("# HELP x a\\nb\n"));
  EXPECT_THAT(text, HasSubstr("x_total{l=\"q\\\" \\\\ \\n\"} 0\n"));
}

TEST(Registry, GivesTheSameObjectForTheSameLabels) {
  Registry registry;
  Counter& first = registry.AddCounter("x", "", {{"a", "1"}});
  for (int i = 0; i < 100; ++i) registry.AddCounter("x", "", {{"a", std::to_string(i)}});
  EXPECT_EQ(&first, &registry.AddCounter("x", "", {{"a", "1"}}));
  Histogram& histogram = registry.AddHistogram("h", "");
  EXPECT_EQ(&histogram, &registry.AddHistogram("h", ""));
}

TEST(RegistryDeathTest, ANameHasOneType) {
  Registry registry;
  registry.AddCounter("x", "");
  EXPECT_DEATH(registry.AddHistogram("x", ""), "");
  EXPECT_DEATH(registry.AddCounter("not a name", ""), "");
}

TEST(Histogram, BucketsAreCumulativeAndTheirBoundsInclusive) {
  Registry registry;
  Histogram& histogram = registry.AddHistogram("op_seconds", "Latency.", {{"rpc", "Sign"}});
  histogram.Observe(absl::Microseconds(50));
  histogram.Observe(absl::Microseconds(50) + absl::Nanoseconds(1));
  histogram.Observe(absl::Seconds(10));
  histogram.Observe(absl::Hours(1));
  histogram.Observe(absl::Seconds(-1));
  const std::string text = registry.Write();
  EXPECT_THAT(text, HasSubstr("# TYPE op_seconds histogram\n# UNIT op_seconds seconds\n"));
  EXPECT_THAT(text, HasSubstr("op_seconds_bucket{rpc=\"Sign\",le=\"5e-05\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("op_seconds_bucket{rpc=\"Sign\",le=\"0.0001\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("op_seconds_bucket{rpc=\"Sign\",le=\"5.0\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("op_seconds_bucket{rpc=\"Sign\",le=\"10.0\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("op_seconds_bucket{rpc=\"Sign\",le=\"+Inf\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("op_seconds_count{rpc=\"Sign\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("op_seconds_sum{rpc=\"Sign\"} 3610.000100001\n"));
}

TEST(Registry, CountsFromManyThreadsWhileWritten) {
  Registry registry;
  Counter& counter = registry.AddCounter("x", "");
  Histogram& histogram = registry.AddHistogram("h", "");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        counter.Add();
        histogram.Observe(absl::Milliseconds(i));
        if (i % 100 == 0) registry.Write();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter.Value(), 4000u);
  EXPECT_EQ(histogram.Sum(), absl::Milliseconds(4 * 999 * 500));
}

}  // namespace
}  // namespace aziot::metrics
