// A device registers: its token is checked against the entries that may admit it, then its hub is chosen and
// its identity made there, record and operation with it, in one transaction. Thread-safe.
#pragma once

#include <atomic>
#include <string>

#include "absl/status/statusor.h"
#include "common/clock/clock.h"
#include "provisiond/auth/sas_token.h"
#include "provisiond/lifecycle/actor.h"
#include "provisiond/lifecycle/device_credentials.h"
#include "provisiond/lifecycle/group_order.h"
#include "provisiond/lifecycle/hubs.h"
#include "provisiond/store/registrations.h"

namespace aziot::provisiond {

class Registrar {
 public:
  // The entry that admitted a proof, with the keys the device's hub identity gets.
  struct Admission {
    store::EnrollmentKind kind = store::EnrollmentKind::kIndividual;
    store::Enrollment entry;
    KeyPair keys;
    bool blocked = false;  // the entry, or one for this device alone, is disabled
  };
  struct Request {
    std::string registration_id;  // as the device spells it
    auth::SasToken token;         // parsed, in time, for this registration
    std::string payload;          // JSON, or ""
    bool sticky = false;          // the api-version knows no reprovisioning
  };

  Registrar(store::Database& database, const store::Vault& vault, const Hubs& hubs, Clock& clock)
      : database_(database), vault_(vault), hubs_(hubs), clock_(clock) {}

  // kUnauthorized when no entry admits the token: whether one exists is not told.
  absl::StatusOr<Admission> Admit(absl::string_view registration_id, const auth::SasToken& token);

  // Admits and assigns. The operation's state is assigned, failed or disabled.
  absl::StatusOr<store::Operation> Register(const Request& request, const Actor& actor);

  // kOperationNotFound for one of another registration or past its 24 hours, too.
  absl::StatusOr<store::Operation> GetOperation(absl::string_view registration_id,
                                                absl::string_view operation_id);

 private:
  absl::Status Assign(store::Session& session, const Admission& admission, const Request& request,
                      store::Operation& operation);

  store::Database& database_;
  const store::Vault& vault_;
  const Hubs& hubs_;
  Clock& clock_;
  GroupOrder group_order_;
  std::atomic<int64_t> drop_operations_at_{0};  // µs since 1970
};

}  // namespace aziot::provisiond
