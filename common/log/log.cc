#include "common/log/log.h"

#include <unistd.h>

#include <atomic>
#include <ctime>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

namespace aziot::log {
namespace {

constexpr int kOff = -1;

struct Filter {
  int bare = static_cast<int>(Level::kInfo);
  std::map<std::string, int> modules;
};

int ParseLevel(absl::string_view word) {
  const std::string lower = absl::AsciiStrToLower(word);
  if (lower == "off") return kOff;
  if (lower == "error") return static_cast<int>(Level::kError);
  if (lower == "warn" || lower == "warning") return static_cast<int>(Level::kWarn);
  if (lower == "debug") return static_cast<int>(Level::kDebug);
  if (lower == "trace") return static_cast<int>(Level::kTrace);
  return static_cast<int>(Level::kInfo);
}

// Replaced only by Init, which keeps the old ones: another thread may be reading them.
std::atomic<const Filter*> current{nullptr};

const Filter& Current() {
  static const Filter first;
  const Filter* filter = current.load(std::memory_order_acquire);
  return filter == nullptr ? first : *filter;
}

void Keep(std::unique_ptr<const Filter> filter) {
  static std::mutex mutex;
  static auto* const kept = new std::vector<std::unique_ptr<const Filter>>;
  const std::lock_guard lock(mutex);
  current.store(filter.get(), std::memory_order_release);
  kept->push_back(std::move(filter));
}

struct LevelText {
  int priority;
  const char* name;
};
constexpr LevelText kLevels[] = {{3, "ERR!"}, {4, "WARN"}, {6, "INFO"}, {7, "DBUG"}, {7, "TRCE"}};

}  // namespace

void Init(absl::string_view filter) {
  auto parsed = std::make_unique<Filter>();
  for (absl::string_view part : absl::StrSplit(filter, ',', absl::SkipWhitespace())) {
    part = absl::StripAsciiWhitespace(part);
    const size_t equals = part.find('=');
    if (equals == absl::string_view::npos) {
      parsed->bare = ParseLevel(part);
    } else {
      parsed->modules[std::string(part.substr(0, equals))] = ParseLevel(part.substr(equals + 1));
    }
  }
  Keep(std::move(parsed));
}

bool Enabled(Level level, absl::string_view module) {
  const Filter& filter = Current();
  int limit = filter.bare;
  if (!module.empty()) {
    for (const auto& [name, module_limit] : filter.modules) {
      if (absl::StartsWith(module, name)) limit = module_limit;
    }
  }
  return static_cast<int>(level) <= limit;
}

std::string FormatLine(Level level, absl::string_view module, absl::string_view text, int64_t unix_seconds) {
  const time_t seconds = unix_seconds;
  tm utc{};
  gmtime_r(&seconds, &utc);
  char stamp[32];
  strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
  const LevelText& words = kLevels[static_cast<int>(level)];
  const bool show_module = level >= Level::kDebug && !module.empty();
  return fmt::format("<{}>{} [{}] - {}{}{}{}", words.priority, stamp, words.name, show_module ? "[" : "",
                     show_module ? module : "", show_module ? "] " : "", text);
}

void Write(Level level, absl::string_view module, absl::string_view text) {
  std::string out;
  const int64_t now = time(nullptr);
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    out += FormatLine(level, module, line, now);
    out += '\n';
  }
  // One write, so that lines of different threads do not mix; there is nobody to tell when it fails.
  if (write(STDERR_FILENO, out.data(), out.size()) < 0) return;
}

}  // namespace aziot::log
