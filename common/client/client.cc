#include "common/client/client.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/rpc/rest_client.h"
#include "common/status/status_macros.h"

namespace aziot::client {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::MethodDescriptor;

constexpr absl::string_view kPayload = "aziot.client/answer";
constexpr size_t kIdleConnections = 4;

absl::Status Refusal(const http::Response& response) {
  absl::StatusCode code = absl::StatusCode::kInternal;
  switch (response.status) {
    case 400:
    case 422:
      code = absl::StatusCode::kInvalidArgument;
      break;
    case 401:
      code = absl::StatusCode::kPermissionDenied;
      break;
    case 404:
      code = absl::StatusCode::kNotFound;
      break;
    default:
      break;
  }
  absl::Status status(code, rpc::RestErrorText(response));
  status.SetPayload(kPayload, absl::Cord(absl::StrCat(response.status)));
  return status;
}

absl::StatusOr<rpc::RestRule> RuleOf(absl::string_view method) {
  const MethodDescriptor* rpc = DescriptorPool::generated_pool()->FindMethodByName(std::string(method));
  std::optional<rpc::RestRule> rule = rpc == nullptr ? std::nullopt : rpc::RestRuleOf(rpc);
  if (!rule.has_value()) return absl::UnimplementedError(absl::StrCat(method, " cannot be called over REST"));
  return *std::move(rule);
}

}  // namespace

Client::Client(Options options)
    : options_(std::move(options)), stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void Client::Cancel() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    cancelled_ = true;
  }
  wake_.notify_all();
  const uint64_t one = 1;
  // Fails only when it was written before, and then it is readable.
  if (write(stop_.get(), &one, sizeof one) < 0) return;
}

bool Client::Pause(absl::Duration length) {
  std::unique_lock<std::mutex> lock(mutex_);
  return !wake_.wait_for(lock, absl::ToChronoNanoseconds(length), [this] { return cancelled_; });
}

absl::Status Client::Run(absl::string_view method, const google::protobuf::Message& request,
                         google::protobuf::Message& reply) {
  ASSIGN_OR_RETURN(const rpc::RestRule rule, RuleOf(method));
  if (rule.method->input_type() != request.GetDescriptor() ||
      rule.method->output_type() != reply.GetDescriptor()) {
    return absl::InternalError(absl::StrCat(method, " was called with messages of another rpc"));
  }
  ASSIGN_OR_RETURN(const http::Response response,
                   Send(rpc::NewRestRequest(rule, request, options_.api_version)));
  if (response.status != rule.success) return Refusal(response);
  return rpc::ReadRestReply(rule, response, reply);
}

absl::StatusOr<http::Response> Client::Send(const http::Request& request) {
  const absl::Status cancelled = absl::CancelledError(absl::StrCat("calls to ", socket(), " were given up"));
  if (!Pause(absl::ZeroDuration())) return cancelled;
  std::unique_ptr<http::UnixClient> connection = TakeIdle();
  absl::StatusOr<http::Response> response = connection->Send(request, options_.timeout);
  for (int i = 0; i < options_.retries && absl::IsUnavailable(response.status()); ++i) {
    if (!Pause(options_.retry_pause)) return cancelled;
    response = connection->Send(request, options_.timeout);
  }
  if (response.ok()) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (idle_.size() < kIdleConnections) idle_.push_back(std::move(connection));
  }
  return response;
}

std::unique_ptr<http::UnixClient> Client::TakeIdle() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (idle_.empty()) return std::make_unique<http::UnixClient>(options_.socket, stop_.get());
  std::unique_ptr<http::UnixClient> connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

std::optional<Answer> AnswerOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayload);
  int http_status = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &http_status)) return std::nullopt;
  return Answer{.http_status = http_status, .message = std::string(status.message())};
}

}  // namespace aziot::client
