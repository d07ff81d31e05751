#include "keyd/tpm/tpm.h"

#include <algorithm>
#include <cstdlib>

#include "common/log/log.h"
#include "common/status/status_macros.h"

namespace aziot::keyd::tpm {

std::unique_ptr<Tpm> Tpm::New(TpmOptions options, Clock& clock) {
  // The TSS writes lines of its own for every error, also for those that are expected; ours say more.
  setenv("TSS2_LOG", "all+NONE", 0);
  return std::unique_ptr<Tpm>(new Tpm(std::move(options), clock));
}

Tpm::~Tpm() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  if (closer_.joinable()) closer_.join();
}

absl::Status Tpm::Connect() {
  absl::StatusOr<std::unique_ptr<TpmContext>> context = TpmContext::Open(options_, clock_);
  if (!context.ok()) {
    if (!reported_) log::Error("no TPM: {}", context.status());
    reported_ = true;
    return context.status();
  }
  context_ = *std::move(context);
  opened_ = clock_.Steady();
  if (!closer_.joinable()) closer_ = std::thread([this] { CloseWhenIdle(); });
  wake_.notify_one();
  return absl::OkStatus();
}

absl::Status Tpm::Use(absl::FunctionRef<absl::Status(TpmContext&)> work) {
  const std::lock_guard lock(mutex_);
  if (context_ != nullptr && clock_.Steady() - opened_ >= options_.longest_hold) {
    if (context_->has_resource_manager()) {
      context_->ForgetComputed();
      opened_ = clock_.Steady();
    } else {
      context_.reset();
    }
  }
  absl::Status status;
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (context_ == nullptr) RETURN_IF_ERROR(Connect());
    context_->StartUse();
    status = work(*context_);
    context_->EndUse();
    if (!context_->lost()) {
      if (reported_) log::Info("the TPM answers again");
      reported_ = false;
      if (context_->close_after_use_) context_.reset();
      break;
    }
    context_.reset();
    if (attempt > 0 && !std::exchange(reported_, true)) log::Error("the TPM was lost: {}", status);
  }
  used_ = clock_.Steady();
  return status;
}

void Tpm::Close() {
  const std::lock_guard lock(mutex_);
  context_.reset();
}

absl::Duration Tpm::CloseAt() const {
  return used_ + (context_->has_resource_manager() ? options_.managed_idle : options_.idle);
}

void Tpm::CloseWhenIdle() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (context_ == nullptr) {
      clock_.WaitUntil(wake_, lock, absl::InfiniteDuration());
      continue;
    }
    const absl::Duration now = clock_.Steady();
    const absl::Duration forget_at = used_ + options_.idle;
    if (now >= CloseAt()) {
      context_.reset();
      continue;
    }
    if (now >= forget_at) context_->ForgetComputed();
    clock_.WaitUntil(wake_, lock, now < forget_at ? std::min(forget_at, CloseAt()) : CloseAt());
  }
}

}  // namespace aziot::keyd::tpm
