// One line per event on stderr, for the journal: `<N>YYYY-MM-DDTHH:MM:SSZ [LVL] - text`, N the syslog
// priority. Debug and trace lines carry the module in brackets before the text. INFO is for changes of state:
// a request that succeeds writes nothing. Never a key, handle, PIN, token or body.
#pragma once

#include <fmt/format.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

template <>
struct fmt::formatter<absl::string_view> : fmt::formatter<fmt::string_view> {
  template <class Context>
  auto format(absl::string_view text, Context& context) const {
    return fmt::formatter<fmt::string_view>::format({text.data(), text.size()}, context);
  }
};
// The message alone: codes are for programs.
template <>
struct fmt::formatter<absl::Status> : fmt::formatter<fmt::string_view> {
  template <class Context>
  auto format(const absl::Status& status, Context& context) const {
    return fmt::formatter<fmt::string_view>::format({status.message().data(), status.message().size()},
                                                    context);
  }
};

namespace aziot::log {

enum class Level { kError, kWarn, kInfo, kDebug, kTrace };

// Sets the filter: a level word (error, warn, info, debug, trace, off; any case), or env_logger's list of
// `module=level` and one bare level. Empty means info. Programs pass $AZIOT_LOG.
void Init(absl::string_view filter);

// `module` is the namespace path of the caller, e.g. "keyd.backend"; empty matches the bare level.
bool Enabled(Level level, absl::string_view module = "");

// Writes one line; line breaks inside `text` start further lines of the same level.
void Write(Level level, absl::string_view module, absl::string_view text);

template <class... Args>
void Error(fmt::format_string<Args...> format, Args&&... args) {
  if (Enabled(Level::kError)) Write(Level::kError, "", fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void Warn(fmt::format_string<Args...> format, Args&&... args) {
  if (Enabled(Level::kWarn)) Write(Level::kWarn, "", fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void Info(fmt::format_string<Args...> format, Args&&... args) {
  if (Enabled(Level::kInfo)) Write(Level::kInfo, "", fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void Debug(absl::string_view module, fmt::format_string<Args...> format, Args&&... args) {
  if (Enabled(Level::kDebug, module))
    Write(Level::kDebug, module, fmt::format(format, std::forward<Args>(args)...));
}

// The line Write makes, without its final newline; for tests.
std::string FormatLine(Level level, absl::string_view module, absl::string_view text, int64_t unix_seconds);

}  // namespace aziot::log
