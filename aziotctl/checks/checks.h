// The list of checks, in the order they run.
#pragma once

#include <vector>

#include "aziotctl/checks/check.h"

namespace aziot::ctl {

const std::vector<Section>& AllChecks();

// checks/configuration.cc
Result KeydConfigWellFormed(CheckContext& context, nlohmann::json& info);
Result CertdConfigWellFormed(CheckContext& context, nlohmann::json& info);
Result IdentitydConfigWellFormed(CheckContext& context, nlohmann::json& info);
Result ConfigsUpToDate(CheckContext& context, nlohmann::json& info);
Result Hostname(CheckContext& context, nlohmann::json& info);
// checks/certificates.cc
Result LocalCaExpiry(CheckContext& context, nlohmann::json& info);
Result CertsPreloaded(CheckContext& context, nlohmann::json& info);
// checks/daemons.cc
Result KeydRunning(CheckContext& context, nlohmann::json& info);
Result CertdRunning(CheckContext& context, nlohmann::json& info);
Result IdentitydRunning(CheckContext& context, nlohmann::json& info);
Result CertsRead(CheckContext& context, nlohmann::json& info);
// checks/connectivity.cc
Result ConnectHubHttps(CheckContext& context, nlohmann::json& info);
Result ConnectDps(CheckContext& context, nlohmann::json& info);

}  // namespace aziot::ctl
