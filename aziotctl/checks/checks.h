// The list of checks, in the order they run.
#pragma once

#include <cstdint>
#include <vector>

#include "aziotctl/checks/check.h"

namespace aziot::ctl {

const std::vector<Section>& AllChecks();

constexpr uint16_t kAmqpPort = 5671;
constexpr uint16_t kHttpsPort = 443;
constexpr uint16_t kMqttPort = 8883;

// checks/well_formed.cc
Result KeydConfigWellFormed(CheckContext& context, nlohmann::json& info);
Result CertdConfigWellFormed(CheckContext& context, nlohmann::json& info);
Result TpmdConfigWellFormed(CheckContext& context, nlohmann::json& info);
Result IdentitydConfigWellFormed(CheckContext& context, nlohmann::json& info);
// checks/configuration.cc
Result ConfigsUpToDate(CheckContext& context, nlohmann::json& info);
Result Hostname(CheckContext& context, nlohmann::json& info);
// checks/outside.cc
Result AziotVersion(CheckContext& context, nlohmann::json& info);
Result HostLocalTime(CheckContext& context, nlohmann::json& info);
// checks/certificates.cc
Result IdentityCertificateExpiry(CheckContext& context, nlohmann::json& info);
Result EstCertificateExpiry(CheckContext& context, nlohmann::json& info);
Result LocalCaExpiry(CheckContext& context, nlohmann::json& info);
Result CertsPreloaded(CheckContext& context, nlohmann::json& info);
// checks/daemons.cc
Result KeydRunning(CheckContext& context, nlohmann::json& info);
Result CertdRunning(CheckContext& context, nlohmann::json& info);
Result TpmdRunning(CheckContext& context, nlohmann::json& info);
Result IdentitydRunning(CheckContext& context, nlohmann::json& info);
// checks/services.cc
Result CertsRead(CheckContext& context, nlohmann::json& info);
Result KeyPairsRead(CheckContext& context, nlohmann::json& info);
Result EstServerHttps(CheckContext& context, nlohmann::json& info);
Result CertsMatchPrivateKeys(CheckContext& context, nlohmann::json& info);
// checks/connectivity.cc
Result ConnectHubAmqp(CheckContext& context, nlohmann::json& info);
Result ConnectHubHttps(CheckContext& context, nlohmann::json& info);
Result ConnectHubMqtt(CheckContext& context, nlohmann::json& info);
Result ConnectDps(CheckContext& context, nlohmann::json& info);

}  // namespace aziot::ctl
