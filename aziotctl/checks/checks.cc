#include "aziotctl/checks/checks.h"

namespace aziot::ctl {

const std::vector<Section>& AllChecks() {
  static const std::vector<Section> sections = {
      {"Configuration checks",
       {{"keyd-config-well-formed", "keyd configuration is well-formed", KeydConfigWellFormed},
        {"certd-config-well-formed", "certd configuration is well-formed", CertdConfigWellFormed},
        {"identityd-config-well-formed", "identityd configuration is well-formed", IdentitydConfigWellFormed},
        {"configs-up-to-date", "daemon configurations up-to-date with config.toml", ConfigsUpToDate},
        {"hostname", "identityd config toml file specifies a valid hostname", Hostname},
        {"local-ca-certificate-expiry", "production readiness: Local CA certificates expiry", LocalCaExpiry},
        {"certs-preloaded", "preloaded certificates are valid", CertsPreloaded},
        {"keyd-running", "keyd is running", KeydRunning},
        {"certd-running", "certd is running", CertdRunning},
        {"identityd-running", "identityd is running", IdentitydRunning},
        {"certs-read", "read all preloaded certificates from the Certificates Service", CertsRead}}},
      {"Connectivity checks",
       {{"host-connect-iothub-https",
         "host can connect to and perform TLS handshake with iothub HTTPS / WebSockets port",
         ConnectHubHttps},
        {"host-connect-dps-endpoint", "host can connect to and perform TLS handshake with DPS endpoint",
         ConnectDps}}}};
  return sections;
}

}  // namespace aziot::ctl
