// Owner of what ESYS allocates, and the places where its versions differ.
#pragma once

#include <tss2/tss2_esys.h>

#include <memory>

namespace aziot::keyd::tpm {

struct EsysFree {
  void operator()(void* p) const noexcept { Esys_Free(p); }
};

template <class T>
using EsysPtr = std::unique_ptr<T, EsysFree>;

// Esys_X(…, EsysOut(pointer)) stores into `pointer`, at the end of the statement.
template <class T>
class EsysOut {
 public:
  explicit EsysOut(EsysPtr<T>& target) : target_(target) {}
  EsysOut(const EsysOut&) = delete;
  ~EsysOut() { target_.reset(raw_); }
  operator T**() { return &raw_; }

 private:
  EsysPtr<T>& target_;
  T* raw_ = nullptr;
};

// The hierarchy argument of Hash, SequenceComplete and LoadExternal is a TPM handle before tpm2-tss 3.0 and
// an ESYS_TR since.
#if AZIOT_TSS2_MAJOR < 3
constexpr TPMI_RH_HIERARCHY kNullHierarchy = TPM2_RH_NULL;
constexpr TPMI_RH_HIERARCHY kOwnerHierarchy = TPM2_RH_OWNER;
#else
constexpr ESYS_TR kNullHierarchy = ESYS_TR_RH_NULL;
constexpr ESYS_TR kOwnerHierarchy = ESYS_TR_RH_OWNER;
#endif

}  // namespace aziot::keyd::tpm
