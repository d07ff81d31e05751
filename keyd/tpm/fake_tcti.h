// A TPM with faults of a test's choosing: hands commands on to a real one, and answers some of them itself.
#pragma once

#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tpm2_types.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "keyd/tpm/tcti.h"

namespace aziot::keyd::tpm {

// Thread-safe; shared by all connections a test opens with it.
class Faults {
 public:
  // The next `times` commands with code `command` are answered `rc`.
  void Answer(TPM2_CC command, TPM2_RC rc, int times) {
    const std::lock_guard lock(mutex_);
    faults_[command] = {rc, times};
  }
  // The next `times` transmissions fail, as when the device is gone.
  void Break(int times) {
    const std::lock_guard lock(mutex_);
    breaks_ = times;
  }
  int CountOf(TPM2_CC command) {
    const std::lock_guard lock(mutex_);
    return counts_[command];
  }

  // What OnCommand answers: nothing, or a response code.
  std::optional<TSS2_RC> OnCommand(TPM2_CC command) {
    const std::lock_guard lock(mutex_);
    ++counts_[command];
    if (breaks_ > 0) {
      --breaks_;
      return TSS2_TCTI_RC_IO_ERROR;
    }
    const auto fault = faults_.find(command);
    if (fault == faults_.end() || fault->second.times == 0) return std::nullopt;
    --fault->second.times;
    return fault->second.rc;
  }

 private:
  struct Fault {
    TPM2_RC rc = 0;
    int times = 0;
  };
  std::mutex mutex_;
  std::map<TPM2_CC, Fault> faults_;
  std::map<TPM2_CC, int> counts_;
  int breaks_ = 0;
};

class FakeTcti final : public Tcti {
 public:
  static absl::StatusOr<std::unique_ptr<Tcti>> Open(const std::string& resolved,
                                                    std::shared_ptr<Faults> faults) {
    absl::StatusOr<std::unique_ptr<Tcti>> real = OpenTcti(resolved);
    if (!real.ok()) return real.status();
    return std::make_unique<FakeTcti>(*std::move(real), std::move(faults));
  }

  FakeTcti(std::unique_ptr<Tcti> real, std::shared_ptr<Faults> faults)
      : real_(std::move(real)), faults_(std::move(faults)) {
    shim_.table.v1 = {
        .magic = 0x66616b6574637469,
        .version = 2,
        .transmit = Transmit,
        .receive = Receive,
        .finalize = [](TSS2_TCTI_CONTEXT*) {},
        .cancel = [](TSS2_TCTI_CONTEXT*) -> TSS2_RC { return TSS2_TCTI_RC_NOT_IMPLEMENTED; },
        .getPollHandles = [](TSS2_TCTI_CONTEXT*, TSS2_TCTI_POLL_HANDLE*, size_t*) -> TSS2_RC {
          return TSS2_TCTI_RC_NOT_IMPLEMENTED;
        },
        .setLocality = [](TSS2_TCTI_CONTEXT*, uint8_t) -> TSS2_RC { return TSS2_TCTI_RC_NOT_IMPLEMENTED; }};
    shim_.self = this;
  }
  TSS2_TCTI_CONTEXT* context() override { return reinterpret_cast<TSS2_TCTI_CONTEXT*>(&shim_); }

 private:
  struct Shim {
    TSS2_TCTI_CONTEXT_COMMON_V2 table{};
    FakeTcti* self = nullptr;
  };
  static FakeTcti& Self(TSS2_TCTI_CONTEXT* context) { return *reinterpret_cast<Shim*>(context)->self; }
  static uint32_t BigEndian(const uint8_t* bytes) {
    return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
  }

  // A command is its tag (2 bytes), its size (4), its code (4); an answer the same with a response code.
  static TSS2_RC Transmit(TSS2_TCTI_CONTEXT* context, size_t size, const uint8_t* command) {
    FakeTcti& self = Self(context);
    self.answer_ = self.faults_->OnCommand(BigEndian(command + 6));
    if (self.answer_ == TSS2_TCTI_RC_IO_ERROR) return TSS2_TCTI_RC_IO_ERROR;
    return self.answer_.has_value() ? TSS2_RC_SUCCESS
                                    : Tss2_Tcti_Transmit(self.real_->context(), size, command);
  }
  static TSS2_RC Receive(TSS2_TCTI_CONTEXT* context, size_t* size, uint8_t* response, int32_t timeout) {
    FakeTcti& self = Self(context);
    if (!self.answer_.has_value()) {
      return Tss2_Tcti_Receive(self.real_->context(), size, response, timeout);
    }
    *size = 10;
    if (response == nullptr) return TSS2_RC_SUCCESS;
    const TSS2_RC rc = *self.answer_;
    const uint8_t answer[] = {
        0x80, 0x01, 0, 0, 0, 10, 0, 0, static_cast<uint8_t>(rc >> 8), static_cast<uint8_t>(rc)};
    for (size_t i = 0; i < sizeof answer; ++i) response[i] = answer[i];
    return TSS2_RC_SUCCESS;
  }

  const std::unique_ptr<Tcti> real_;
  const std::shared_ptr<Faults> faults_;
  Shim shim_;
  std::optional<TSS2_RC> answer_;
};

}  // namespace aziot::keyd::tpm
