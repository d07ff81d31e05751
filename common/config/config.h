// A daemon's options: TOML main file, then `config.d/*.toml` in byte order, merged into one message of
// proto/aziot/config/v1. Tables merge key by key, arrays append, anything else is replaced by the later file.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace aziot::config {

struct Sources {
  std::string file;       // may be missing: an empty table
  std::string directory;  // may be missing; only regular files whose extension is exactly `toml`
};

// Reads into `message` (cleared first). Returns warnings, one text each: unknown keys with file and line.
// Wrong types, missing required keys and bad TOML are kInvalidArgument naming file, line, key and what was
// expected; an unreadable file is `could not read config from <path>` with the cause.
absl::StatusOr<std::vector<std::string>> Load(const Sources& sources, google::protobuf::Message& message);

// The same for one document in memory; `name` stands for the file in texts.
absl::StatusOr<std::vector<std::string>> LoadText(absl::string_view name, absl::string_view toml,
                                                  google::protobuf::Message& message);

}  // namespace aziot::config
