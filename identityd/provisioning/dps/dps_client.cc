#include "identityd/provisioning/dps/dps_client.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/http/target.h"
#include "common/https/answer_headers.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "identityd/attestation/failure.h"

namespace aziot::identityd {
namespace {

constexpr absl::Duration kOverall = absl::Minutes(10);
constexpr absl::Duration kPollTimeout = absl::Seconds(30);
constexpr absl::Duration kUsualPause = absl::Seconds(5);
constexpr absl::Duration kLongestPause = absl::Minutes(1);
constexpr int kRegisterAttempts = 3;
constexpr int kBrokenPolls = 3;  // in a row

std::string BaseOf(absl::string_view endpoint) {
  const size_t scheme = endpoint.find("://");
  const size_t host = scheme == absl::string_view::npos ? 0 : scheme + 3;
  return std::string(endpoint.substr(0, endpoint.find_first_of("/?#", host)));
}

std::string RegistrationUrl(const DpsClient::Registration& registration, absl::string_view rest) {
  return absl::StrCat(BaseOf(registration.endpoint), "/", http::PercentEncode(registration.scope_id),
                      "/registrations/", http::PercentEncode(registration.registration_id), rest,
                      "?api-version=", registration.api_version);
}

std::string RegisterBody(const DpsClient::Registration& registration) {
  // The payload is a checked document already and keeps its text.
  std::string body =
      absl::StrCat("{\"registrationId\":", nlohmann::json(registration.registration_id).dump());
  if (registration.payload) absl::StrAppend(&body, ",\"payload\":", *registration.payload);
  return body + "}";
}

// Before the next poll.
absl::Duration PauseAfter(const http::Response& response, absl::Time now) {
  return std::min(https::RetryAfter(response, now).value_or(kUsualPause), kLongestPause);
}

bool MayPass(int http_status) { return http_status >= 500 || http_status == 409 || http_status == 412; }

absl::StatusOr<DpsAnswer> ReadAnswer(const http::Response& response) {
  absl::StatusOr<DpsAnswer> answer = ParseDpsAnswer(response.body);
  if (!answer.ok()) return Blame(Party::kDps, Reason::kOther, answer.status());
  if (answer->state == DpsAnswer::State::kFailed || answer->state == DpsAnswer::State::kDisabled) {
    return Blame(Party::kDps, Reason::kOther, absl::UnknownError(answer->error));
  }
  return answer;
}

}  // namespace

absl::Status DpsClient::Refused(const http::Response& response) const {
  DpsError error = ParseDpsError(response.status, response.body);
  if (!error.tracking_id.empty()) log::Warn("DPS refused: tracking id {}", Excerpt(error.tracking_id));
  const bool unauthorized = response.status == 401;
  if (unauthorized) {
    if (const std::string hint = https::ClockHint(response, clock_.Now()); !hint.empty())
      absl::StrAppend(&error.text, "; ", hint);
  }
  return https::WithRetryAfter(Blame(Party::kDps, unauthorized ? Reason::kUnauthorized : Reason::kOther,
                                     absl::UnknownError(error.text)),
                               https::RetryAfter(response, clock_.Now()));
}

absl::StatusOr<http::Response> DpsClient::Ask(const Registration& registration, const Exchange& exchange) {
  const std::string resource =
      absl::StrCat(registration.scope_id, "/registrations/", registration.registration_id);
  https::Call call;
  call.timeout = exchange.timeout;
  call.retry = exchange.retry;
  call.until = exchange.until;
  call.make = [&](absl::Duration at_least) -> absl::StatusOr<http::Request> {
    const absl::Duration validity = std::max(absl::Seconds(300), at_least);
    ASSIGN_OR_RETURN(const std::string authorization,
                     attestation_.Authorization(registration.credential, resource, "registration", validity));
    http::Request request;
    request.method = exchange.method;
    request.target = exchange.url;
    request.body = exchange.body;
    if (!authorization.empty()) request.headers.Add("Authorization", authorization);
    if (!exchange.body.empty()) request.headers.Add("Content-Type", "application/json");
    return request;
  };
  absl::StatusOr<http::Response> response = send_(std::move(call));
  if (response.ok()) return response;
  const absl::Status& status = response.status();
  // Not being able to sign keeps its reason; the caller sees a DPS failure either way.
  const bool network =
      ReasonOf(status) == Reason::kNetwork || https::FailureKindOf(status) == https::FailureKind::kNetwork;
  const bool throttled = absl::IsResourceExhausted(status);
  return Blame(Party::kDps,
               network     ? Reason::kNetwork
               : throttled ? Reason::kThrottled
                           : Reason::kOther,
               status);
}

absl::StatusOr<DpsAnswer> DpsClient::Register(const Registration& registration) {
  const absl::Duration deadline = clock_.Steady() + kOverall;
  for (int attempt = 1;; ++attempt) {
    absl::StatusOr<DpsAnswer> answer = RegisterOnce(registration, deadline);
    const bool again = absl::IsUnavailable(answer.status()) && ReasonOf(answer.status()) == Reason::kOther;
    if (answer.ok() || !again || attempt == kRegisterAttempts) return answer;
    log::Warn("DPS could not register the device (attempt {} of {}): {}", attempt, kRegisterAttempts,
              answer.status());
    // A service that asks for a long pause gets it from the next attempt of the life cycle.
    const absl::Duration pause = std::max(kUsualPause, https::RetryAfterOf(answer.status()));
    if (pause > kLongestPause) return answer;
    RETURN_IF_ERROR(Pause(pause));
  }
}

absl::StatusOr<DpsAnswer> DpsClient::RegisterOnce(const Registration& registration, absl::Duration deadline) {
  ASSIGN_OR_RETURN(const http::Response response,
                   Ask(registration, {.method = "PUT",
                                      .url = RegistrationUrl(registration, "/register"),
                                      .body = RegisterBody(registration),
                                      .timeout = std::nullopt,
                                      .until = deadline}));
  if (response.status != 200 && response.status != 202) {
    const absl::Status refused = Refused(response);
    if (!MayPass(response.status)) return refused;
    return https::WithRetryAfter(
        Blame(Party::kDps, Reason::kOther, absl::UnavailableError(refused.message())),
        https::RetryAfter(response, clock_.Now()));
  }
  ASSIGN_OR_RETURN(const DpsAnswer answer, ReadAnswer(response));
  if (answer.state == DpsAnswer::State::kAssigned) return answer;
  if (answer.operation_id.empty()) {
    return Blame(Party::kDps, Reason::kOther, absl::InvalidArgumentError("the answer names no operation"));
  }
  return Poll(registration, answer.operation_id, PauseAfter(response, clock_.Now()), deadline);
}

absl::StatusOr<DpsAnswer> DpsClient::Poll(const Registration& registration, const std::string& operation_id,
                                          absl::Duration first_pause, absl::Duration deadline) {
  const std::string url =
      RegistrationUrl(registration, absl::StrCat("/operations/", http::PercentEncode(operation_id)));
  absl::Duration pause = first_pause;
  int broken = 0;
  absl::Status last = absl::DeadlineExceededError("DPS did not assign the device in time");
  while (clock_.Steady() + pause < deadline) {
    RETURN_IF_ERROR(Pause(pause));
    pause = kUsualPause;
    const absl::StatusOr<http::Response> response = Ask(registration, {.method = "GET",
                                                                       .url = url,
                                                                       .body = "",
                                                                       .timeout = kPollTimeout,
                                                                       .retry = false,
                                                                       .until = deadline});
    if (!response.ok()) {
      const bool lasts = absl::IsCancelled(response.status()) ||
                         ReasonOf(response.status()) == Reason::kThrottled ||
                         (ReasonOf(response.status()) != Reason::kNetwork && ++broken == kBrokenPolls);
      if (lasts) return response.status();
      last = response.status();
      continue;
    }
    broken = 0;
    pause = PauseAfter(*response, clock_.Now());
    if (MayPass(response->status)) {
      last = Refused(*response);
      continue;
    }
    if (response->status != 200 && response->status != 202) return Refused(*response);
    ASSIGN_OR_RETURN(const DpsAnswer answer, ReadAnswer(*response));
    if (answer.state == DpsAnswer::State::kAssigned) return answer;
  }
  return Blame(Party::kDps, Reason::kNetwork, last);
}

absl::Status DpsClient::Pause(absl::Duration length) {
  std::unique_lock lock(mutex_);
  const absl::Duration until = clock_.Steady() + length;
  while (!cancelled_ && clock_.Steady() < until) clock_.WaitUntil(wake_, lock, until);
  if (!cancelled_) return absl::OkStatus();
  return Blame(Party::kDps, Reason::kOther, absl::CancelledError("the attempt was given up"));
}

void DpsClient::Cancel() {
  {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
  }
  wake_.notify_all();
}

}  // namespace aziot::identityd
