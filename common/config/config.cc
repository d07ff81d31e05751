#include "common/config/config.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/config/document.h"
#include "common/config/merge.h"
#include "common/config/message_reader.h"
#include "common/files/files.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::config {
namespace {

using google::protobuf::Message;

constexpr size_t kMaxFileSize = size_t{1} << 20;

absl::Status CouldNotRead(absl::string_view path, const absl::Status& cause) {
  return absl::Status(cause.code(),
                      absl::StrCat("could not read config from ", path, "\ncaused by: ", cause.message()));
}

absl::StatusOr<Value> ReadFile(const std::string& path) {
  const absl::StatusOr<std::string> text = files::Read(path, kMaxFileSize);
  if (!text.ok()) return CouldNotRead(path, text.status());
  absl::StatusOr<Value> document = ParseDocument(path, *text);
  if (!document.ok()) return CouldNotRead(path, document.status());
  return document;
}

// Paths of the drop-in files, in byte order. What looks like one but is none is warned of: it is easily
// overlooked.
absl::StatusOr<std::vector<std::string>> DropIns(const std::string& directory,
                                                 std::vector<std::string>& warnings) {
  std::vector<std::string> paths;
  if (directory.empty()) return paths;
  const absl::StatusOr<std::vector<std::string>> names = files::List(directory);
  if (absl::IsNotFound(names.status())) return paths;
  if (!names.ok()) return CouldNotRead(directory, names.status());
  for (const std::string& name : *names) {
    if (std::filesystem::path(name).extension() != ".toml") continue;
    const std::string path = absl::StrCat(directory, "/", name);
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0) {
      if (errno == ENOENT) continue;  // removed since it was listed
      return CouldNotRead(path, ErrnoStatus(errno, absl::StrCat("read ", path)));
    }
    if (S_ISREG(info.st_mode)) {
      paths.push_back(path);
    } else {
      warnings.push_back(absl::StrCat(path, ": skipped, not a regular file"));
    }
  }
  return paths;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> Load(const Sources& sources, Message& message) {
  std::vector<std::string> warnings;
  absl::StatusOr<Value> document = ReadFile(sources.file);
  if (absl::IsNotFound(document.status())) document = ParseDocument(sources.file, "");
  if (!document.ok()) return document.status();
  ASSIGN_OR_RETURN(const std::vector<std::string> drop_ins, DropIns(sources.directory, warnings));
  for (const std::string& path : drop_ins) {
    absl::StatusOr<Value> patch = ReadFile(path);
    if (absl::IsNotFound(patch.status())) continue;  // removed since it was listed
    if (!patch.ok()) return patch.status();
    Merge(*document, *std::move(patch), message.GetDescriptor());
  }
  RETURN_IF_ERROR(ReadMessage(*document, message, warnings));
  return warnings;
}

absl::StatusOr<std::vector<std::string>> LoadText(absl::string_view name, absl::string_view toml,
                                                  Message& message) {
  ASSIGN_OR_RETURN(const Value document, ParseDocument(name, toml));
  std::vector<std::string> warnings;
  RETURN_IF_ERROR(ReadMessage(document, message, warnings));
  return warnings;
}

}  // namespace aziot::config
