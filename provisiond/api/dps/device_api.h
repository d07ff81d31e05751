// The provisioning service as devices meet it: register, poll, look up. Thread-safe.
#pragma once

#include "absl/status/statusor.h"
#include "common/clock/clock.h"
#include "common/http/message.h"
#include "provisiond/api/call.h"
#include "provisiond/api/proofs.h"
#include "provisiond/auth/throttle.h"
#include "provisiond/lifecycle/enrollments.h"
#include "provisiond/lifecycle/hubs.h"
#include "provisiond/lifecycle/registrar.h"

namespace aziot::provisiond::api::dps {

class DeviceApi {
 public:
  struct Rates {
    uint32_t registrations_per_minute = 1000;
    uint32_t polls_per_10s = 5;
  };
  DeviceApi(Registrar& registrar, Enrollments& enrollments, const Hubs& hubs, std::vector<std::string> scopes,
            Proofs& proofs, Rates rates, Clock& clock);

  // Whether the first path segment is an id scope, served here or not.
  static bool Owns(const Call& call);
  absl::StatusOr<http::Response> Handle(const Call& call);

 private:
  absl::StatusOr<http::Response> Register(const Call& call, const std::string& registration_id);
  absl::StatusOr<http::Response> Poll(const Call& call, const std::string& registration_id);
  absl::StatusOr<http::Response> LookUp(const Call& call, const std::string& registration_id);
  // The token, in time and for this registration.
  absl::StatusOr<auth::SasToken> Prove(const Call& call, const std::string& registration_id);

  Registrar& registrar_;
  Enrollments& enrollments_;
  const Hubs& hubs_;
  const std::vector<std::string> scopes_;
  Proofs& proofs_;
  auth::Throttle registrations_;
  auth::Throttle polls_;
};

}  // namespace aziot::provisiond::api::dps
