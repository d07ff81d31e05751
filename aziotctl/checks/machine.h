// `additional_info` of a whole run: what somebody who reads a report wants to know of the machine.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/string_view.h"
#include "aziotctl/checks/context.h"

namespace aziot::ctl {

// Time, operating system, memory, disks, hub and parent.
nlohmann::ordered_json AboutTheMachine(const CheckContext& context);

// The members of `system_info` that /proc/meminfo tells. Its figures are in KiB.
nlohmann::ordered_json MemoryInfo(absl::string_view meminfo);

// "1.50 GiB": two decimals of the largest unit that leaves at least 1.
std::string FormatSize(uint64_t bytes);

}  // namespace aziot::ctl
