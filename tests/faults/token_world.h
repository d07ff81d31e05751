// A real keyd whose keys lie in SoftHSM2, behind the module that misbehaves on command
// (keyd/backend/pkcs11/testing/faulty_module.cc), and on disk.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/http/message.h"
#include "tests/support/daemon_process.h"
#include "tests/support/run_command.h"
#include "tests/support/temp_root.h"

namespace aziot::tests::faults {

class TokenWorld {
 public:
  static constexpr absl::string_view kPin = "open-sesame-and-stay";

  // With two tokens, `device` and `other`; keyd is not started.
  TokenWorld();

  // Keys in files alone.
  void ConfigureFiles();
  // New keys on `device`; `more` is further TOML. `module` is the misbehaving one by default.
  void ConfigureToken(const std::string& more = "", const std::string& module = FaultyModule());
  void StartAndForget();
  // Waits until it answers.
  void Start();
  void Stop();
  DaemonProcess& keyd() { return keyd_; }
  std::vector<pid_t> Workers() const;

  // Another token `device`, empty, of tpm2-pkcs11 in the TPM at `tcti`.
  void ConfigureTpm2Pkcs11(const std::string& tcti);

  static std::string FaultyModule();
  static std::string SoftHsmModule();
  // Rules of the misbehaving module, one a line.
  void Follow(const std::string& rules);
  void Behave() { Follow(""); }
  // Calls of a function that have come back since ForgetCalls, of all workers.
  int Calls(const std::string& function) const;
  void ForgetCalls();
  // The file that keyd reads the PIN of `device` from.
  void WritePin(absl::string_view pin);
  // `pkcs11-tool --login ARGUMENTS` on `device`, past keyd.
  Output Tool(const std::string& arguments, absl::string_view pin = kPin) const;
  void PullTokens();
  void PutBackTokens();

  // The handle of a new key or pair; "" and a failed test when there is none.
  std::string NewKey(const std::string& id, const std::string& usage = "sign") const;
  std::string NewPair(const std::string& id) const;
  http::Response SignHmac(const std::string& handle) const;
  http::Response SignDigest(const std::string& handle) const;
  http::Response Encrypt(const std::string& handle) const;
  // Status 0: nobody answered.
  http::Response Ask(const std::string& verb, const std::string& path, const std::string& body = "") const;
  // Names in keyd's key directory.
  std::vector<std::string> KeyFiles() const;

 private:
  std::string AsKeyd(const std::string& command) const;

  TempRoot root_;
  std::map<std::string, std::string> environment_;  // of keyd, and of tools past it
  DaemonProcess keyd_{root_, "libexec/aziot-identity-service/aziot-keyd", "aziotks"};
};

}  // namespace aziot::tests::faults
