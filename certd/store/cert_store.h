// Certificates as PEM files, one an id, replaced atomically: `<homedir>/certs/<alnum>-<sha256>.cer`, or
// wherever `[preloaded_certs]` says. Thread-safe; no lock is held while a file is read or written.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "certd/issuer/issuer.h"
#include "certd/store/locations.h"
#include "common/ids/id.h"

namespace aziot::certd {

class CertStore final : public CertificateSource {
 public:
  // Makes `homedir` and `<homedir>/certs` when they are missing, closed to others, and removes what a crash
  // left there.
  static absl::StatusOr<std::unique_ptr<CertStore>> Open(absl::string_view homedir, Locations locations);

  // The PEM text. A bundle is the texts of its elements in order, those that exist. kNotFound when there is
  // nothing; a file that holds DER is given as PEM, one that is neither is kInternal.
  absl::StatusOr<std::string> Get(const CertId& id) const override;
  // Stores `pem` durably, unchecked. kFailedPrecondition for bundles and locations we do not serve.
  absl::Status Put(const CertId& id, absl::string_view pem);
  // OK when it is gone already. kFailedPrecondition as Put.
  absl::Status Delete(const CertId& id);

  // What a reload brings; calls that run finish with what they began with.
  void SwapLocations(Locations locations);

  // The file name of an id in the store's directory.
  static std::string FileName(const CertId& id);

 private:
  CertStore(std::string home, Locations locations)
      : home_(std::move(home)),
        directory_(home_ + "/certs"),
        locations_(std::make_shared<const Locations>(std::move(locations))) {}
  std::shared_ptr<const Locations> CurrentLocations() const;
  absl::StatusOr<std::string> GetFrom(const Locations& locations, const CertId& id) const;
  absl::StatusOr<std::string> WritablePath(const CertId& id) const;

  const std::string home_;
  const std::string directory_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Locations> locations_;
};

}  // namespace aziot::certd
