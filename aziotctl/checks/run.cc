#include "aziotctl/checks/run.h"

#include <algorithm>

#include "aziotctl/checks/machine.h"

namespace aziot::ctl {
namespace {

using Kind = Result::Kind;

Kind RunSection(const Section& section, CheckContext& context, const RunOptions& options, Report& report) {
  Kind worst = Kind::kOk;
  report.Section(section.name);
  for (const Check& check : section.checks) {
    nlohmann::json info = check.blank;
    Result result =
        options.excluded.contains(std::string(check.id)) ? Result::Ignored() : check.run(context, info);
    if (result.kind == Kind::kWarning && options.warnings_as_errors) result.kind = Kind::kError;
    report.Add(check, result, info);
    worst = std::max(worst, result.kind);
    if (worst == Kind::kFatal) break;
  }
  return worst;
}

}  // namespace

Kind RunChecks(const std::vector<Section>& sections, CheckContext& context, const RunOptions& options,
               Report& report) {
  Kind worst = Kind::kOk;
  for (const Section& section : sections) {
    worst = std::max(worst, RunSection(section, context, options, report));
    if (worst == Kind::kFatal) break;
  }
  report.End(AboutTheMachine(context));
  return worst;
}

}  // namespace aziot::ctl
