// Requests to the cloud: libcurl with our trust, proxy, deadlines and retries. Thread-safe. Keeps
// connections, and sets libcurl up at the first request. The process must ignore SIGPIPE.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock/clock.h"
#include "common/http/message.h"

namespace aziot::https {

// Why there was no answer, in the two classes that decide whether a device keeps its last known state.
enum class FailureKind {
  kNetwork,  // DNS, connect, TLS handshake (also with the proxy), time-out: the cloud was not reached
  kOther,    // a connection lost after it was established, an answer that is no HTTP, or too large
};
// Found in the statuses made here and by the protocol clients above; kOther for a status without one.
FailureKind FailureKindOf(const absl::Status& status);
absl::Status WithFailureKind(absl::Status status, FailureKind kind);

struct ProxySettings {
  std::string url;       // "" for none
  std::string no_proxy;  // as in the variable NO_PROXY

  // HTTPS_PROXY, else https_proxy (empty is unset); NO_PROXY, else no_proxy. kInvalidArgument for what is no
  // http:// or https:// URL; without a scheme it is http://.
  static absl::StatusOr<ProxySettings> FromEnvironment();
  // The URL with its password as ******.
  std::string Redacted() const;
};

struct Options {
  ProxySettings proxy;
  absl::Duration timeout = absl::Seconds(70);  // connect, headers and body of one attempt
  int retries = 1;                             // after connect failures and time-outs, 3 s apart
  std::string user_agent = "aziot-identity-service/" AZIOT_VERSION;
};

struct ClientIdentity;

struct Call {
  // Built anew for each attempt, so that tokens are fresh. `target` is a whole URL here. The duration is how
  // long the token must live at least.
  absl::AnyInvocable<absl::StatusOr<http::Request>(absl::Duration)> make;
  std::optional<absl::Duration> timeout;  // of one attempt, instead of the client's
  bool retry = true;
  // Shown when the server, or an https:// proxy, demands a certificate. A connection serves one identity
  // only: calls that share one share the pointer too.
  std::shared_ptr<const ClientIdentity> identity;
  // By the clock's Steady(): no attempt begins later, so that waiting out a throttled server has an end.
  absl::Duration until = absl::InfiniteDuration();
};

class Client {
 public:
  // Trust is the system's, or SSL_CERT_FILE and SSL_CERT_DIR, which libcurl does not read by itself.
  Client(Options options, Clock& clock);
  ~Client();

  // Any HTTP status is an answer, but 429: it is waited out as cloud-protocols.md says (Retry-After bounded
  // to 1 s to 10 min, at most five times, also without `retry`), then kResourceExhausted `429: Too many
  // requests`. Redirects are not followed; bodies are bounded to 4 MiB (kOutOfRange). Network failures are
  // kUnavailable, time-outs kDeadlineExceeded, others kInternal, what cannot be sent kInvalidArgument. A
  // failure of `make` is returned as it is. kCancelled soon after Cancel. The body of a request is wiped
  // after its attempt: it may carry keys.
  absl::StatusOr<http::Response> Send(Call call);

  // Replaces what Options say, for the Sends that begin from now on; any thread.
  void SetLimits(absl::Duration timeout, int retries);
  // Ends the running and all later Sends; any thread.
  void Cancel();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace aziot::https
