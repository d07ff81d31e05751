// Where a key or a certificate lies: `file:///absolute/path`, a PKCS#11 URI (RFC 7512), or `tpm:` for a key
// of the TPM.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace aziot::uri {

struct FileUri {
  std::string path;  // absolute, percent-decoded
  friend bool operator==(const FileUri&, const FileUri&) = default;
};

struct Pkcs11Uri {
  std::optional<std::string> token;
  std::optional<uint64_t> slot_id;
  std::optional<std::string> object;
  std::optional<std::string> pin_value;
  std::optional<std::string> manufacturer;
  std::optional<std::string> model;
  std::optional<std::string> serial;
  std::optional<std::string> id;          // bytes: CKA_ID
  std::optional<std::string> pin_source;  // absolute path of a file that holds the PIN
  std::optional<std::string> module_path;
  friend bool operator==(const Pkcs11Uri&, const Pkcs11Uri&) = default;
};

// `tpm:handle=0x81xxxxxx`, a persistent object, or `tpm:file=/absolute/path`, a TSS2 PRIVATE KEY.
struct TpmUri {
  std::variant<uint32_t, std::string> object;  // handle or path
  friend bool operator==(const TpmUri&, const TpmUri&) = default;
};

using Uri = std::variant<FileUri, Pkcs11Uri, TpmUri>;

// kInvalidArgument names what is wrong, never a PIN. A pkcs11 URI without token and slot-id is refused;
// attributes other than these are dropped, of a repeated one the last counts; literal spaces are tolerated.
absl::StatusOr<Uri> Parse(absl::string_view text);

// Accepts only file URIs; other schemes are kInvalidArgument.
absl::StatusOr<FileUri> ParseFile(absl::string_view text);

// slot-id or token (slot-id wins), then what else is known; all but letters and digits percent-encoded in
// pkcs11 values.
std::string Format(const Uri& uri);

// %XX for every byte but letters, digits and those in `also_plain`.
std::string PercentEncode(absl::string_view text, absl::string_view also_plain = "");

}  // namespace aziot::uri
