// One run of the checks, in their order, until the end or a fatal result.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "aziotctl/checks/check.h"
#include "aziotctl/checks/context.h"
#include "aziotctl/checks/report.h"

namespace aziot::ctl {

struct RunOptions {
  std::set<std::string> excluded;  // ids; they are ignored
  bool warnings_as_errors = false;
};

// The worst result. The report is ended, too.
Result::Kind RunChecks(const std::vector<Section>& sections, CheckContext& context, const RunOptions& options,
                       Report& report);

}  // namespace aziot::ctl
