// The real keyd with keys in a token or a TPM, and with one from before, on disk.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>

#include "tests/support/daemon_process.h"
#include "tests/support/temp_root.h"

namespace aziot::bench {

class HardwareKeyd {
 public:
  // A SoftHSM token behind `module`; "" is SoftHSM itself. The process ends when keyd does not start or
  // refuses a key.
  static HardwareKeyd OnToken(const std::string& module = "") { return HardwareKeyd(Place::kToken, module); }
  static HardwareKeyd InTpm(const std::string& tcti) { return HardwareKeyd(Place::kTpm, tcti); }
  HardwareKeyd(const HardwareKeyd&) = delete;
  HardwareKeyd& operator=(const HardwareKeyd&) = delete;

  pid_t pid() const { return keyd_.pid(); }
  std::string socket() const { return root_.Join("run/aziot/keyd.sock"); }
  std::string scratch() const { return root_.Join("var/log"); }
  // Rules of the misbehaving module (keyd/backend/pkcs11/testing/faulty_module.cc).
  void Follow(const std::string& rules) const;

  // Whole requests.
  std::string EcdsaRequest() const;       // in hardware
  std::string HmacRequest() const;        // in hardware
  std::string HmacOnDiskRequest() const;  // in keyd's memory

 private:
  enum class Place { kToken, kTpm };
  HardwareKeyd(Place place, const std::string& where);

  void Start(const std::string& parameters);
  std::string HmacOf(const std::string& handle) const;
  std::string HandleOf(const std::string& request) const;

  tests::TempRoot root_;
  tests::DaemonProcess keyd_{root_, "libexec/aziot-identity-service/aziot-keyd", "aziotks"};
  std::string pair_, key_, key_on_disk_;
};

}  // namespace aziot::bench
