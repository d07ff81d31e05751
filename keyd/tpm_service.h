// aziot-keyd as the TPM service: its parts and their order.
#pragma once

#include "absl/status/status.h"

namespace aziot::keyd {

constexpr char kTpmServiceOption[] = "--tpm-service";

// Whether the command line asks for it.
bool IsTpmService(int argc, char** argv);

// Serves tpmd.sock until it is told to stop. kInvalidArgument for a wrong configuration; a TPM that is absent
// is waited for.
absl::Status RunTpmService(int argc, char** argv);

}  // namespace aziot::keyd
