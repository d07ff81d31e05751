// What takes room in the TPM while it is used, an object that was loaded or a session, flushed by its owner.
#pragma once

#include <tss2/tss2_esys.h>

#include <utility>

namespace aziot::keyd::tpm {

class TpmContext;

// Must not outlive its TpmContext.
class Transient {
 public:
  Transient() = default;
  Transient(TpmContext& context, ESYS_TR object) : context_(&context), object_(object) {}
  Transient(Transient&& other) noexcept
      : context_(other.context_), object_(std::exchange(other.object_, ESYS_TR_NONE)) {}
  Transient& operator=(Transient&& other) noexcept {
    std::swap(context_, other.context_);
    std::swap(object_, other.object_);
    return *this;
  }
  ~Transient();

  ESYS_TR get() const { return object_; }
  bool empty() const { return object_ == ESYS_TR_NONE; }
  // The TPM has flushed it by itself: a sequence at its end, a session used without continueSession.
  void Release() { object_ = ESYS_TR_NONE; }

 private:
  TpmContext* context_ = nullptr;
  ESYS_TR object_ = ESYS_TR_NONE;
};

}  // namespace aziot::keyd::tpm
