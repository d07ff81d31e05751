// What a program counts about itself, written as OpenMetrics text on its own socket (`GET /metrics`). main
// owns the one Registry; a room asks it once for its counters and keeps the references, so that counting is
// one atomic addition.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace aziot::metrics {

// Names and values of one series, e.g. {{"rpc", "Sign"}, {"class", "2xx"}}.
using Labels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  void Add(uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  uint64_t Value() const { return value_.load(std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<uint64_t> value_{0};  // a cache line each: reactors count at the same time
};

// Latencies in fixed buckets from 50 µs to 10 s.
class Histogram {
 public:
  static constexpr size_t kBuckets = 18;  // the last one has no upper bound

  // Below zero counts as zero.
  void Observe(absl::Duration latency);

  // How many fell into bucket `index` alone.
  uint64_t InBucket(size_t index) const { return counts_[index].load(std::memory_order_relaxed); }
  absl::Duration Sum() const { return absl::Nanoseconds(sum_ns_.load(std::memory_order_relaxed)); }

 private:
  alignas(64) std::array<std::atomic<uint64_t>, kBuckets> counts_{};
  std::atomic<int64_t> sum_ns_{0};
};

// Safe to use from every thread. References stay valid as long as the Registry; the same name and labels give
// the same object again. `name` is the family without suffix (`aziot_requests`, `aziot_request_seconds`):
// letters, digits and underscores. A name used with two types ends the process: it is our own mistake.
class Registry {
 public:
  Registry() = default;
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  Counter& AddCounter(absl::string_view name, absl::string_view help, Labels labels = {});
  Histogram& AddHistogram(absl::string_view name, absl::string_view help, Labels labels = {});
  // `read` is called by Write, on its thread, and must not call this Registry.
  void AddGauge(absl::string_view name, absl::string_view help, Labels labels, std::function<double()> read);

  // The whole exposition, families and series in byte order, ending in `# EOF`. Its media type is
  // kContentType.
  std::string Write() const;
  static constexpr absl::string_view kContentType =
      "application/openmetrics-text; version=1.0.0; charset=utf-8";

 private:
  enum class Type { kCounter, kGauge, kHistogram };
  struct Series {
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Histogram> histogram;
    std::function<double()> gauge;
  };
  struct Family {
    Type type;
    std::string help;
    std::map<std::string, Series> series;  // by the labels as they are written
  };
  Series& SeriesOf(absl::string_view name, absl::string_view help, const Labels& labels, Type type);
  static absl::string_view WordFor(Type type);
  static void WriteSeries(const Family& family, absl::string_view name, std::string& out);

  mutable std::mutex mutex_;
  std::map<std::string, Family, std::less<>> families_;
};

}  // namespace aziot::metrics
