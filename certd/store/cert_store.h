// Certificates as PEM files, one an id, replaced atomically: `<homedir>/certs/<alnum>-<sha256>.cer`, or
// wherever `[preloaded_certs]` says. Thread-safe, without a lock: each call brings the locations it began
// with.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "certd/issuer/issuer.h"
#include "certd/store/locations.h"
#include "common/ids/id.h"

namespace aziot::certd {

class CertStore {
 public:
  // Makes `homedir` and `<homedir>/certs` when they are missing, closed to others, and removes what a crash
  // left there.
  static absl::StatusOr<std::unique_ptr<CertStore>> Open(absl::string_view homedir);

  // The PEM text. A bundle is the texts of its elements in order, those that exist. kNotFound when there is
  // nothing; a file that holds DER is given as PEM, one that is neither is kInternal.
  absl::StatusOr<std::string> Get(const Locations& locations, const CertId& id) const;
  // Stores `pem` durably, unchecked. kFailedPrecondition for bundles and locations we do not serve.
  absl::Status Put(const Locations& locations, const CertId& id, absl::string_view pem);
  // OK when it is gone already. kFailedPrecondition as Put.
  absl::Status Delete(const Locations& locations, const CertId& id);

  // The file name of an id in the store's directory.
  static std::string FileName(const CertId& id);

 private:
  explicit CertStore(std::string home) : home_(std::move(home)), directory_(home_ + "/certs") {}
  absl::StatusOr<std::string> WritablePath(const Locations& locations, const CertId& id) const;

  const std::string home_;
  const std::string directory_;
};

// The certificates of a store as issuers read them, with the locations one call began with.
class StoredCertificates final : public CertificateSource {
 public:
  StoredCertificates(const CertStore& store, const Locations& locations)
      : store_(store), locations_(locations) {}
  absl::StatusOr<std::string> Get(const CertId& id) const override { return store_.Get(locations_, id); }

 private:
  const CertStore& store_;
  const Locations& locations_;
};

}  // namespace aziot::certd
