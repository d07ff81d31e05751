// The real keyd in a private root, with the keys that the cases use.
#pragma once

#include <sys/types.h>

#include <string>

#include "tests/support/daemon_process.h"
#include "tests/support/temp_root.h"

namespace aziot::bench {

class KeydUnderTest {
 public:
  // Ends the process when keyd does not start or refuses a key.
  KeydUnderTest();

  pid_t pid() const { return keyd_.pid(); }
  std::string socket() const { return root_.Join("run/aziot/keyd.sock"); }
  std::string log() const { return keyd_.Log(); }
  // A place for other files on the same disk.
  std::string scratch() const { return root_.Join("var/log"); }

  // Whole requests.
  std::string HmacRequest() const;
  std::string EcdsaRequest() const;
  std::string RsaRequest() const;
  std::string EncryptRequest() const;  // of 1 KiB
  std::string DecryptRequest() const;  // of what EncryptRequest gives
  static std::string CreatePairRequest(const std::string& id, const std::string& algorithm = "ec-p256");

  // Ends it and starts it anew: milliseconds from exec to the first answer.
  double Restart();

 private:
  // The text of `member` in the answer, still quoted as JSON.
  std::string Member(const std::string& request, const std::string& member) const;

  tests::TempRoot root_;
  tests::DaemonProcess keyd_;
  std::string key_, ec_pair_, rsa_pair_, sealed_;
};

}  // namespace aziot::bench
