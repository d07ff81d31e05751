// The device API of the Device Provisioning Service (cloud-protocols.md, section 2): register, then poll
// until the device is assigned. Stateless but for Cancel; thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock/clock.h"
#include "common/https/client.h"
#include "identityd/attestation/attestation.h"
#include "identityd/provisioning/dps/dps_answer.h"

namespace aziot::identityd {

class DpsClient {
 public:
  using Send = std::function<absl::StatusOr<http::Response>(https::Call)>;

  static constexpr char kUsualApiVersion[] = "2021-06-01";

  struct Registration {
    std::string endpoint;  // `https://host[:port]`; a path is ignored
    std::string scope_id;
    std::string registration_id;
    std::optional<std::string> payload;  // JSON
    std::string api_version = kUsualApiVersion;
    Credential credential;
  };

  DpsClient(Send send, Attestation& attestation, Clock& clock)
      : send_(std::move(send)), attestation_(attestation), clock_(clock) {}

  // Polls for 10 minutes at most, and past single polls that fail. Party::kDps; Reason::kNetwork when DPS was
  // not reached or did not come to an end.
  absl::StatusOr<DpsAnswer> Register(const Registration& registration);
  void Cancel();

 private:
  struct Exchange {
    std::string method, url, body;
    std::optional<absl::Duration> timeout;
    bool retry = true;
    absl::Duration until;
  };
  absl::StatusOr<http::Response> Ask(const Registration& registration, const Exchange& exchange);
  absl::StatusOr<DpsAnswer> RegisterOnce(const Registration& registration, absl::Duration deadline);
  absl::StatusOr<DpsAnswer> Poll(const Registration& registration, const std::string& operation_id,
                                 absl::Duration first_pause, absl::Duration deadline);
  absl::Status Refused(const http::Response& response) const;
  // kCancelled when Cancel ended the wait.
  absl::Status Pause(absl::Duration length);

  const Send send_;
  Attestation& attestation_;
  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool cancelled_ = false;
};

}  // namespace aziot::identityd
