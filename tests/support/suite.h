// The whole suite in one private root: provisiond with a root certificate of its own, keyd, certd, identityd.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/http/message.h"
#include "tests/support/daemon_process.h"
#include "tests/support/run_command.h"
#include "tests/support/temp_root.h"

namespace aziot::tests {

class Suite {
 public:
  Suite();

  const TempRoot& root() const { return root_; }
  DaemonProcess& cloud() { return cloud_; }
  DaemonProcess& keyd() { return keyd_; }
  DaemonProcess& certd() { return certd_; }
  DaemonProcess& identityd() { return identityd_; }
  DaemonProcess& tpmd() { return tpmd_; }

  // Starts provisiond and waits for it. From the second start on it listens where it listened before.
  void StartCloud();
  // `localhost:<port>`.
  const std::string& hub() const { return hub_; }
  std::string CloudRoot() const { return root_.Join("var/lib/provisiond/tls/root.pem"); }

  void StartKeyd();
  void StartCertd();
  // The TPM service, which reads the configuration that is there. Does not wait for the TPM.
  void StartTpmd();
  // Does not wait: identityd is ready when the device is provisioned.
  void StartIdentityd();

  // The groups that may open the daemons' sockets.
  static std::vector<gid_t> SocketGroups();
  // One request over `<daemon>.sock`, on a connection of its own, as `uid`, who is in the four socket
  // groups. Status 0: nobody answered.
  http::Response Send(uid_t uid, const std::string& daemon, const http::Request& request) const;
  // The same with a JSON body, or none.
  http::Response Ask(uid_t uid, const std::string& daemon, const std::string& verb, const std::string& target,
                     const std::string& body = "") const;
  bool IsReady(const std::string& daemon) const;
  // `aziotctl --root … ARGUMENTS` and provisionctl likewise.
  Output Aziotctl(const std::string& arguments) const;
  Output Provisionctl(const std::string& arguments) const;

 private:
  TempRoot root_;
  DaemonProcess cloud_{root_, "libexec/aziot-identity-service/provisiond", "provisiond"};
  DaemonProcess keyd_{root_, "libexec/aziot-identity-service/aziot-keyd", "aziotks"};
  DaemonProcess certd_{root_, "libexec/aziot-identity-service/aziot-certd", "aziotcs"};
  DaemonProcess identityd_{root_, "libexec/aziot-identity-service/aziot-identityd", "aziotid"};
  DaemonProcess tpmd_{root_, "libexec/aziot-identity-service/aziot-keyd", "aziottpm", "--tpm-service"};
  std::string hub_;
};

// Polls `condition` for up to two minutes; the limit only ends a test that has failed.
bool Eventually(const std::function<bool()>& condition);

}  // namespace aziot::tests
