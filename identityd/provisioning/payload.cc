#include "identityd/provisioning/payload.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/uri/uri.h"
#include "identityd/attestation/json_depth.h"

namespace aziot::identityd {

absl::StatusOr<std::string> ReadPayload(absl::string_view uri) {
  const absl::StatusOr<uri::FileUri> file = uri::ParseFile(uri);
  if (!file.ok()) return absl::InvalidArgumentError(file.status().message());
  const absl::StatusOr<std::string> text = files::Read(file->path);
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  const nlohmann::json document = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!IsShallowJson(*text)) {
    return absl::InvalidArgumentError(absl::StrCat(file->path, " is nested too deeply"));
  }
  // The parser checks UTF-8 too, and dump() throws for text that is none.
  if (document.is_discarded()) {
    return absl::InvalidArgumentError(absl::StrCat(file->path, " holds no JSON document"));
  }
  return document.dump();
}

}  // namespace aziot::identityd
