#include "common/https/client.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_format.h"
#include "common/https/answer_headers.h"
#include "common/https/client_identity.h"
#include "common/https/transfer.h"
#include "common/log/log.h"
#include "common/log/request_id.h"
#include "common/status/status_macros.h"

namespace aziot::https {
namespace {

constexpr absl::Duration kRetryPause = absl::Seconds(3);
constexpr int kThrottledAttempts = 5;
constexpr size_t kIdleTransfers = 4;

// A version 4 UUID (RFC 9562, 5.4); it correlates logs and need not be hard to guess.
std::string NewRequestId() {
  absl::BitGen random;
  const uint64_t high = absl::Uniform<uint64_t>(random);
  const uint64_t low = absl::Uniform<uint64_t>(random);
  return absl::StrFormat("%08x-%04x-4%03x-%04x-%012x", high >> 32, (high >> 16) & 0xffff, high & 0xfff,
                         0x8000 | ((low >> 48) & 0x3fff), low & 0xffffffffffff);
}

// `wait` and up to `spread` more, so that devices that were throttled together do not come back together.
absl::Duration Spread(absl::Duration wait, absl::Duration spread) {
  absl::BitGen random;
  return wait + absl::Seconds(absl::Uniform(random, 0.0, absl::ToDoubleSeconds(spread)));
}

absl::Duration ThrottlePause(const http::Response& response, absl::Time now, int attempt) {
  if (const auto wait = RetryAfter(response, now); wait.has_value()) {
    return std::min(Spread(*wait, *wait / 10), absl::Minutes(10));
  }
  static constexpr std::pair<int, int> kPauses[] = {{60, 10}, {120, 20}, {180, 30}, {300, 30}};
  const auto [wait, spread] = kPauses[std::min<size_t>(attempt, std::size(kPauses)) - 1];
  return Spread(absl::Seconds(wait), absl::Seconds(spread));
}

// What another try cannot mend.
bool IsFinal(const absl::Status& failure) {
  return absl::IsCancelled(failure) || absl::IsInvalidArgument(failure) || absl::IsOutOfRange(failure);
}

}  // namespace

struct Client::State {
  State(Options options_in, Clock& clock_in)
      : options(std::move(options_in)),
        clock(clock_in),
        trust(Trust::FromEnvironment()),
        timeout(options.timeout),
        retries(options.retries) {}

  using Identity = std::shared_ptr<const ClientIdentity>;

  absl::StatusOr<http::Response> Attempt(const http::Request& request, const Identity& identity,
                                         absl::Duration timeout);
  // One whose connections were made with `identity`, or null. With the mutex held.
  std::unique_ptr<Transfer> TakeIdle(const Identity& identity);
  absl::Status Wait(absl::Duration duration);

  const Options options;
  Clock& clock;
  const Trust trust;
  std::atomic<bool> cancelled = false;
  std::mutex mutex;
  absl::Duration timeout;
  int retries;
  std::condition_variable wake;
  std::vector<std::unique_ptr<Transfer>> idle;
  std::set<Transfer*> running;
};

std::unique_ptr<Transfer> Client::State::TakeIdle(const Identity& identity) {
  for (size_t i = idle.size(); i-- > 0;) {
    if (idle[i]->identity() != identity) continue;
    std::unique_ptr<Transfer> found = std::move(idle[i]);
    idle.erase(idle.begin() + static_cast<ptrdiff_t>(i));
    return found;
  }
  return nullptr;
}

absl::StatusOr<http::Response> Client::State::Attempt(const http::Request& request, const Identity& identity,
                                                      absl::Duration timeout) {
  std::unique_ptr<Transfer> transfer;
  {
    std::lock_guard lock(mutex);
    transfer = TakeIdle(identity);
  }
  if (transfer == nullptr) {
    ASSIGN_OR_RETURN(transfer, Transfer::New(options, trust, identity));
  }
  {
    std::lock_guard lock(mutex);
    if (cancelled) return absl::CancelledError("the request was cancelled");
    running.insert(transfer.get());
  }
  absl::StatusOr<http::Response> response = transfer->Perform(request, timeout, cancelled);
  std::lock_guard lock(mutex);
  running.erase(transfer.get());
  if (!response.ok()) return response;
  // The one unused longest makes room: identities that were replaced do not come back.
  if (idle.size() == kIdleTransfers) idle.erase(idle.begin());
  idle.push_back(std::move(transfer));
  return response;
}

absl::Status Client::State::Wait(absl::Duration duration) {
  std::unique_lock lock(mutex);
  const absl::Duration until = clock.Steady() + duration;
  while (!cancelled && clock.Steady() < until) clock.WaitUntil(wake, lock, until);
  return cancelled ? absl::CancelledError("the request was cancelled") : absl::OkStatus();
}

Client::Client(Options options, Clock& clock) : state_(std::make_unique<State>(std::move(options), clock)) {}

Client::~Client() = default;

absl::StatusOr<http::Response> Client::Send(Call call) {
  absl::Duration timeout;
  int attempts = 1;
  {
    std::lock_guard lock(state_->mutex);
    timeout = call.timeout.value_or(state_->timeout);
    if (call.retry) attempts += std::max(0, state_->retries);
  }
  for (int attempt = 1;; ++attempt) {
    ASSIGN_OR_RETURN(http::Request request, call.make(timeout));
    const absl::string_view given = log::CurrentRequestId();
    request.headers.Set(log::kRequestIdHeader, given.empty() ? NewRequestId() : std::string(given));
    absl::StatusOr<http::Response> response = state_->Attempt(request, call.identity, timeout);
    OPENSSL_cleanse(request.body.data(), request.body.size());
    if (response.ok() && response->status != 429) return response;

    if (!response.ok()) {
      if (absl::IsCancelled(response.status())) return response;
      log::Warn("Failed to send HTTP request (attempt {} of {}): {}", attempt, attempts, response.status());
      if (attempt >= attempts || IsFinal(response.status())) return response;
      if (state_->clock.Steady() + kRetryPause > call.until) return response;
      RETURN_IF_ERROR(state_->Wait(kRetryPause));
      continue;
    }
    if (attempt >= kThrottledAttempts) {
      log::Warn("Final HTTP request throttled (attempt {} of {}).", attempt, kThrottledAttempts);
      return WithRetryAfter(absl::ResourceExhaustedError("429: Too many requests"),
                            RetryAfter(*response, state_->clock.Now()));
    }
    const absl::Duration pause = ThrottlePause(*response, state_->clock.Now(), attempt);
    if (state_->clock.Steady() + pause > call.until) {
      return WithRetryAfter(absl::ResourceExhaustedError("429: Too many requests"), pause);
    }
    log::Warn("HTTP request throttled (attempt {} of {}). Sleeping for {} seconds.", attempt,
              kThrottledAttempts, absl::ToInt64Seconds(pause));
    RETURN_IF_ERROR(state_->Wait(pause));
  }
}

void Client::SetLimits(absl::Duration timeout, int retries) {
  std::lock_guard lock(state_->mutex);
  state_->timeout = timeout;
  state_->retries = retries;
}

void Client::Cancel() {
  std::lock_guard lock(state_->mutex);
  state_->cancelled = true;
  state_->wake.notify_all();
  for (Transfer* transfer : state_->running) transfer->Wake();
}

}  // namespace aziot::https
