#include "aziotctl/checks/checks.h"

#include <initializer_list>

namespace aziot::ctl {
namespace {

nlohmann::json Members(std::initializer_list<const char*> names) {
  nlohmann::json blank = nlohmann::json::object();
  for (const char* name : names) blank[name] = nullptr;
  return blank;
}

nlohmann::json HubMembers(uint16_t port) {
  nlohmann::json blank = Members({"iothub_hostname", "proxy"});
  blank["port_number"] = port;
  return blank;
}

Section Configuration() {
  return {
      "Configuration checks",
      {{"keyd-config-well-formed", "keyd configuration is well-formed", KeydConfigWellFormed},
       {"certd-config-well-formed", "certd configuration is well-formed", CertdConfigWellFormed},
       {"tpmd-config-well-formed", "tpmd configuration is well-formed", TpmdConfigWellFormed},
       {"identityd-config-well-formed", "identityd configuration is well-formed", IdentitydConfigWellFormed},
       {"configs-up-to-date", "daemon configurations up-to-date with config.toml", ConfigsUpToDate},
       {"hostname", "identityd config toml file specifies a valid hostname", Hostname,
        Members({"config_hostname", "machine_hostname"})},
       {"aziot-version", "aziot-identity-service package is up-to-date", AziotVersion,
        Members({"expected_version", "actual_version"})},
       {"host-local-time", "host time is close to reference time", HostLocalTime, Members({"offset"})},
       {"identity-certificate-expiry", "production readiness: identity certificates expiry",
        IdentityCertificateExpiry, Members({"provisioning_mode", "certificate_info"})},
       {"est-identity-and-bootstrap-certificate-expiry",
        "production readiness: EST identity and bootstrap certificates expiry", EstCertificateExpiry,
        Members({"identity_certificate_info", "bootstrap_certificate_info"})},
       {"local-ca-certificate-expiry", "production readiness: Local CA certificates expiry", LocalCaExpiry,
        Members({"certificate_info"})},
       {"certs-preloaded", "preloaded certificates are valid", CertsPreloaded},
       {"keyd-running", "keyd is running", KeydRunning},
       {"certd-running", "certd is running", CertdRunning},
       {"tpmd-running", "tpmd is running", TpmdRunning},
       {"identityd-running", "identityd is running", IdentitydRunning},
       {"certs-read", "read all preloaded certificates from the Certificates Service", CertsRead},
       {"key-pairs-read", "read all preloaded key pairs from the Keys Service", KeyPairsRead},
       {"est-server-https", "check all EST server URLs utilize HTTPS", EstServerHttps},
       {"certs-match-private-keys",
        "ensure all preloaded certificates match preloaded private keys with the same ID",
        CertsMatchPrivateKeys}}};
}

Section Connectivity() {
  return {"Connectivity checks",
          {{"host-connect-iothub-amqp", "host can connect to and perform TLS handshake with iothub AMQP port",
            ConnectHubAmqp, HubMembers(kAmqpPort)},
           {"host-connect-iothub-https",
            "host can connect to and perform TLS handshake with iothub HTTPS / WebSockets port",
            ConnectHubHttps, HubMembers(kHttpsPort)},
           {"host-connect-iothub-mqtt", "host can connect to and perform TLS handshake with iothub MQTT port",
            ConnectHubMqtt, HubMembers(kMqttPort)},
           {"host-connect-dps-endpoint", "host can connect to and perform TLS handshake with DPS endpoint",
            ConnectDps, Members({"dps_endpoint", "dps_hostname", "proxy"})}}};
}

}  // namespace

const std::vector<Section>& AllChecks() {
  static const std::vector<Section> sections = {Configuration(), Connectivity()};
  return sections;
}

}  // namespace aziot::ctl
