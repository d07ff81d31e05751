#include "keyd/tpm_service.h"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "common/log/log.h"
#include "common/server/args.h"
#include "common/server/server.h"
#include "common/status/status_macros.h"
#include "keyd/service/tpm.h"
#include "keyd/tpm/attestation.h"
#include "keyd/tpm/preparation.h"
#include "keyd/tpm/tpm.h"
#include "keyd/tpmd_config.h"

namespace aziot::keyd {
namespace {

// A TPM may make a key for a minute; it is made again at the next start.
constexpr absl::Duration kLongestGoodbye = absl::Seconds(2);

constexpr absl::string_view kMoreOptions = "  --tpm-service  makes aziot-keyd this service\n";

// The rest is what every daemon takes.
server::Args ParseTpmServiceArgs(int argc, char** argv) {
  std::vector<char*> others;
  for (int i = 0; i < argc; ++i) {
    if (i == 0 || std::strcmp(argv[i], kTpmServiceOption) != 0) others.push_back(argv[i]);
  }
  return server::ParseArgs("tpmd", static_cast<int>(others.size()), others.data(), kMoreOptions);
}

tpm::TpmOptions OptionsOf(TpmdConfig& config) {
  tpm::TpmOptions options;
  options.tcti = config.tcti;
  options.owner_auth = std::move(config.owner_auth);
  options.endorsement_auth = std::move(config.endorsement_auth);
  return options;
}

}  // namespace

bool IsTpmService(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], kTpmServiceOption) == 0) return true;
  }
  return false;
}

absl::Status RunTpmService(int argc, char** argv) {
  const server::Args args = ParseTpmServiceArgs(argc, argv);
  ASSIGN_OR_RETURN(TpmdConfig config, LoadTpmdConfig({args.config_file, args.config_dir}));
  for (const std::string& warning : config.warnings) log::Warn("{}", warning);

  const std::unique_ptr<tpm::Tpm> tpm = tpm::Tpm::New(OptionsOf(config));
  tpm::Attestation attestation(*tpm, config.auth_key_handle);
  TpmService service(attestation);

  rpc::Dispatcher dispatcher;
  service.Register(dispatcher);
  dispatcher.CheckComplete();

  server::Options options;
  options.name = "tpmd";
  options.socket = args.socket;
  options.limits = config.limits;
  options.max_requests = config.max_requests;
  options.grpc = config.grpc;
  options.lanes = {{.lane = TpmService::TpmLane()}};
  options.ready = [&] { return attestation.Ready(); };
  ASSIGN_OR_RETURN(const std::unique_ptr<server::Server> server,
                   server::Server::New(std::move(options), dispatcher));
  tpm::Preparation preparation(attestation);
  RETURN_IF_ERROR(server->Run());
  if (!preparation.EndWithin(kLongestGoodbye)) {
    log::Warn("the TPM is still at work; its answer is not waited for");
    std::_Exit(0);
  }
  return absl::OkStatus();
}

}  // namespace aziot::keyd
