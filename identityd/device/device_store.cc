#include "identityd/device/device_store.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/bytes/hex.h"
#include "common/files/files.h"
#include "common/log/log.h"
#include "common/openssl/digest.h"
#include "common/status/status_macros.h"
#include "identityd/device/device_info.h"

namespace aziot::identityd {
namespace {

constexpr char kDeviceInfo[] = "device_info";
constexpr char kFingerprint[] = "device_info.fingerprint";
constexpr char kPrevState[] = "prev_state";
constexpr char kTrustBundle[] = "trust_bundle.pem";
constexpr char kPayload[] = "dps_payload.json";

std::string DigestOf(absl::string_view text) { return FormatHex(openssl::Sha256(ToBytesView(text))); }

}  // namespace

std::string DeviceStore::PathOf(absl::string_view name) const { return absl::StrCat(homedir_, "/", name); }

absl::Status DeviceStore::Open() {
  RETURN_IF_ERROR(files::MakeDirectory(homedir_, 0700));
  return files::RemoveLeftovers(homedir_);
}

bool DeviceStore::Saved::Fits(absl::string_view fingerprint) const {
  return fingerprint_digest.empty() || fingerprint_digest == DigestOf(fingerprint);
}

std::optional<DeviceStore::Saved> DeviceStore::Load() const {
  const absl::StatusOr<std::string> text = files::Read(PathOf(kDeviceInfo));
  if (absl::IsNotFound(text.status())) return std::nullopt;
  if (text.ok() && absl::StripAsciiWhitespace(*text) == "unprovisioned") return std::nullopt;
  const absl::StatusOr<DeviceIdentity> device = text.ok() ? ParseDeviceInfo(*text) : text.status();
  if (!device.ok()) {
    log::Warn("Ignoring invalid device info backup: {}", device.status());
    return std::nullopt;
  }
  Saved saved{.device = *device, .fingerprint_digest = ""};
  if (const absl::StatusOr<std::string> mark = files::Read(PathOf(kFingerprint)); mark.ok()) {
    // The second line ties it to the device: upstream replaces device_info and leaves this file alone.
    const std::vector<std::string> lines = absl::StrSplit(*mark, '\n');
    if (lines.size() >= 2 && lines[1] == DigestOf(*text)) saved.fingerprint_digest = lines[0];
  }
  return saved;
}

absl::Status DeviceStore::Save(const DeviceIdentity& device, absl::string_view fingerprint,
                               const Extras& extras) {
  const std::string text = FormatDeviceInfo(device);
  const std::string mark = absl::StrCat(DigestOf(fingerprint), "\n", DigestOf(text), "\n");
  // In this order a crash leaves the old device with its fingerprint, which does not fit new settings, so
  // that all is asked for again; or the new device with all that came with it. The fingerprint of another
  // device says nothing.
  RETURN_IF_ERROR(SaveExtra(kTrustBundle, extras.trust_bundle));
  RETURN_IF_ERROR(SaveExtra(kPayload, extras.payload));
  RETURN_IF_ERROR(files::Replace(PathOf(kDeviceInfo), text, 0600));
  return files::Replace(PathOf(kFingerprint), mark, 0600);
}

absl::Status DeviceStore::SaveExtra(absl::string_view name, absl::string_view text) {
  if (text.empty()) return files::Remove(PathOf(name));
  return files::Replace(PathOf(name), text, 0600);
}

std::optional<std::string> DeviceStore::LoadSettings() const {
  absl::StatusOr<std::string> text = files::Read(PathOf(kPrevState));
  if (!text.ok()) return std::nullopt;
  return *std::move(text);
}

absl::Status DeviceStore::SaveSettings(absl::string_view text) {
  return files::Replace(PathOf(kPrevState), text, 0600);
}
absl::Status DeviceStore::RemoveSettings() { return files::Remove(PathOf(kPrevState)); }

DeviceStore::Extras DeviceStore::LoadExtras() const {
  return {.trust_bundle = files::Read(PathOf(kTrustBundle)).value_or(""),
          .payload = files::Read(PathOf(kPayload)).value_or("")};
}

absl::Status DeviceStore::Clear() {
  RETURN_IF_ERROR(files::Remove(PathOf(kDeviceInfo)));
  RETURN_IF_ERROR(files::Remove(PathOf(kFingerprint)));
  RETURN_IF_ERROR(files::Remove(PathOf(kTrustBundle)));
  return files::Remove(PathOf(kPayload));
}

}  // namespace aziot::identityd
