#include "common/metrics/metrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace aziot::metrics {
namespace {

struct Bound {
  int64_t nanoseconds;
  absl::string_view text;  // the canonical form of OpenMetrics 1.0, "Considerations: Canonical Numbers"
};
constexpr std::array<Bound, Histogram::kBuckets - 1> kBounds = {{
    {50'000, "5e-05"},
    {100'000, "0.0001"},
    {250'000, "0.00025"},
    {500'000, "0.0005"},
    {1'000'000, "0.001"},
    {2'500'000, "0.0025"},
    {5'000'000, "0.005"},
    {10'000'000, "0.01"},
    {25'000'000, "0.025"},
    {50'000'000, "0.05"},
    {100'000'000, "0.1"},
    {250'000'000, "0.25"},
    {500'000'000, "0.5"},
    {1'000'000'000, "1.0"},
    {2'500'000'000, "2.5"},
    {5'000'000'000, "5.0"},
    {10'000'000'000, "10.0"},
}};

std::string Escape(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

std::string FormatLabels(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    absl::StrAppend(&out, out.empty() ? "" : ",", name, "=\"", Escape(value), "\"");
  }
  return out;
}

std::string FormatNumber(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
  return std::string(buffer, end);
}

bool IsName(absl::string_view name) {
  return !name.empty() && !absl::ascii_isdigit(name[0]) &&
         std::all_of(name.begin(), name.end(), [](char c) { return absl::ascii_isalnum(c) || c == '_'; });
}

std::string Braced(absl::string_view labels) { return labels.empty() ? "" : absl::StrCat("{", labels, "}"); }

void WriteHistogram(absl::string_view name, absl::string_view labels, const Histogram& histogram,
                    std::string& out) {
  const absl::string_view comma = labels.empty() ? "" : ",";
  uint64_t count = 0;
  for (size_t i = 0; i < Histogram::kBuckets; ++i) {
    count += histogram.InBucket(i);
    const absl::string_view bound = i < kBounds.size() ? kBounds[i].text : "+Inf";
    absl::StrAppend(&out, name, "_bucket{", labels, comma, "le=\"", bound, "\"} ", count, "\n");
  }
  absl::StrAppend(&out, name, "_count", Braced(labels), " ", count, "\n");
  absl::StrAppend(&out, name, "_sum", Braced(labels), " ",
                  FormatNumber(absl::ToDoubleSeconds(histogram.Sum())), "\n");
}

}  // namespace

void Histogram::Observe(absl::Duration latency) {
  const int64_t nanoseconds = std::max<int64_t>(absl::ToInt64Nanoseconds(latency), 0);
  const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), nanoseconds,
                                      [](const Bound& b, int64_t ns) { return b.nanoseconds < ns; });
  counts_[bound - kBounds.begin()].fetch_add(1, std::memory_order_relaxed);
  sum_ns_.fetch_add(nanoseconds, std::memory_order_relaxed);
}

Registry::Series& Registry::SeriesOf(absl::string_view name, absl::string_view help, const Labels& labels,
                                     Type type) {
  if (!IsName(name)) std::abort();
  auto family = families_.find(name);
  if (family == families_.end()) {
    family = families_.emplace(std::string(name), Family{type, std::string(help), {}}).first;
  }
  if (family->second.type != type) std::abort();
  return family->second.series[FormatLabels(labels)];
}

Counter& Registry::AddCounter(absl::string_view name, absl::string_view help, Labels labels) {
  std::lock_guard lock(mutex_);
  Series& series = SeriesOf(name, help, labels, Type::kCounter);
  if (series.counter == nullptr) series.counter = std::make_unique<Counter>();
  return *series.counter;
}

Histogram& Registry::AddHistogram(absl::string_view name, absl::string_view help, Labels labels) {
  std::lock_guard lock(mutex_);
  Series& series = SeriesOf(name, help, labels, Type::kHistogram);
  if (series.histogram == nullptr) series.histogram = std::make_unique<Histogram>();
  return *series.histogram;
}

void Registry::AddGauge(absl::string_view name, absl::string_view help, Labels labels,
                        std::function<double()> read) {
  std::lock_guard lock(mutex_);
  SeriesOf(name, help, labels, Type::kGauge).gauge = std::move(read);
}

absl::string_view Registry::WordFor(Type type) {
  switch (type) {
    case Type::kCounter:
      return "counter";
    case Type::kGauge:
      return "gauge";
    case Type::kHistogram:
      return "histogram";
  }
  std::abort();
}

void Registry::WriteSeries(const Family& family, absl::string_view name, std::string& out) {
  for (const auto& [labels, series] : family.series) {
    switch (family.type) {
      case Type::kCounter:
        absl::StrAppend(&out, name, "_total", Braced(labels), " ", series.counter->Value(), "\n");
        break;
      case Type::kGauge:
        absl::StrAppend(&out, name, Braced(labels), " ", FormatNumber(series.gauge()), "\n");
        break;
      case Type::kHistogram:
        WriteHistogram(name, labels, *series.histogram, out);
        break;
    }
  }
}

std::string Registry::Write() const {
  std::string out;
  std::lock_guard lock(mutex_);
  for (const auto& [name, family] : families_) {
    absl::StrAppend(&out, "# TYPE ", name, " ", WordFor(family.type), "\n");
    if (absl::EndsWith(name, "_seconds")) absl::StrAppend(&out, "# UNIT ", name, " seconds\n");
    absl::StrAppend(&out, "# HELP ", name, " ", Escape(family.help), "\n");
    WriteSeries(family, name, out);
  }
  absl::StrAppend(&out, "# EOF\n");
  return out;
}

}  // namespace aziot::metrics
