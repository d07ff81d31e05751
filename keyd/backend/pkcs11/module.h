// A PKCS#11 module: a shared object that is loaded once and stays for the life of the process, for modules
// leave threads, exit handlers and other libraries behind that do not survive an unloading.
#pragma once

#include <p11-kit/pkcs11.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace aziot::keyd::pkcs11 {

class Module {
 public:
  // kFailedPrecondition when `path` cannot be loaded or is no module, Cryptoki 2.20 to 3.x.
  static absl::StatusOr<std::unique_ptr<Module>> Load(const std::string& path);
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  // Finalizes what Initialize began.
  ~Module();

  // C_Initialize; OK when it was done before, by us or by another user of the module in this process.
  absl::Status Initialize();
  // C_Finalize, whoever initialized it: all sessions end. No other call may be running.
  void Finalize();

  CK_FUNCTION_LIST& functions() const { return *functions_; }

 private:
  explicit Module(CK_FUNCTION_LIST* functions) : functions_(functions) {}

  CK_FUNCTION_LIST* const functions_;
  bool initialized_ = false;
};

}  // namespace aziot::keyd::pkcs11
