#include <arpa/inet.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "aziotctl/checks/checks.h"
#include "common/config/config.h"
#include "common/files/files.h"

namespace aziot::ctl {
namespace {

constexpr size_t kLongestHostname = 64;

template <class Message>
Result LoadDaemon(const CheckContext& context, absl::string_view daemon, std::optional<Message>& into) {
  Message message;
  const auto warnings =
      config::Load({.file = context.Rooted(absl::StrCat("/etc/aziot/", daemon, "/config.toml")),
                    .directory = context.Rooted(absl::StrCat("/etc/aziot/", daemon, "/config.d"))},
                   message);
  if (!warnings.ok()) {
    Result result = Result::Error(std::string(warnings.status().message()));
    if (absl::IsPermissionDenied(warnings.status())) result.kind = Result::Kind::kFatal;
    return result;
  }
  into = std::move(message);
  if (warnings->empty()) return Result::Ok();
  return {Result::Kind::kWarning, *warnings};
}

absl::string_view WithoutQuotes(absl::string_view value) {
  value = absl::StripAsciiWhitespace(value);
  return value.size() < 2 ? value : value.substr(1, value.size() - 2);
}

// `hub_name` of identityd's device_info, the one line of it needed here.
std::string AssignedHub(const CheckContext& context) {
  const auto text = files::Read(context.Rooted("/var/lib/aziot/identityd/device_info"));
  if (!text.ok()) return "";
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits('=', 1));
    if (parts.size() == 2 && absl::StripAsciiWhitespace(parts[0]) == "hub_name") {
      return std::string(WithoutQuotes(parts[1]));
    }
  }
  return "";
}

bool IsAddress(const std::string& name) {
  unsigned char buffer[sizeof(in6_addr)];
  return inet_pton(AF_INET, name.c_str(), buffer) == 1 || inet_pton(AF_INET6, name.c_str(), buffer) == 1;
}

// RFC 1035, 2.3.1.
bool IsDomainName(absl::string_view name) {
  for (const absl::string_view label : absl::StrSplit(name, '.')) {
    if (label.empty() || label.size() > 63 ||
        !absl::ascii_isalpha(static_cast<unsigned char>(label.front())) ||
        !absl::ascii_isalnum(static_cast<unsigned char>(label.back()))) {
      return false;
    }
    if (!std::all_of(label.begin(), label.end(),
                     [](unsigned char c) { return absl::ascii_isalnum(c) || c == '-'; })) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::string CheckContext::HubName() const {
  if (!iothub_hostname.empty()) return iothub_hostname;
  if (!identityd.has_value()) return "";
  const config::v1::Provisioning& provisioning = identityd->provisioning();
  if (provisioning.source() == "manual") {
    return provisioning.has_local_gateway_hostname() ? provisioning.local_gateway_hostname()
                                                     : provisioning.iothub_hostname();
  }
  return AssignedHub(*this);
}

Result KeydConfigWellFormed(CheckContext& context, nlohmann::json&) {
  return LoadDaemon(context, "keyd", context.keyd);
}
Result CertdConfigWellFormed(CheckContext& context, nlohmann::json&) {
  return LoadDaemon(context, "certd", context.certd);
}
Result IdentitydConfigWellFormed(CheckContext& context, nlohmann::json&) {
  return LoadDaemon(context, "identityd", context.identityd);
}

Result ConfigsUpToDate(CheckContext& context, nlohmann::json&) {
  struct stat source {};
  const std::string source_path = context.Rooted("/etc/aziot/config.toml");
  if (stat(source_path.c_str(), &source) != 0) return Result::Ignored();
  for (const char* daemon : {"keyd", "certd", "identityd", "tpmd"}) {
    const std::string path = context.Rooted(absl::StrCat("/etc/aziot/", daemon, "/config.d/00-super.toml"));
    struct stat written {};
    if (stat(path.c_str(), &written) != 0) {
      return Result::Warning(absl::StrCat(path, " does not exist.\nRun `aziotctl config apply`."));
    }
    if (written.st_mtime < source.st_mtime) {
      return Result::Warning(
          absl::StrCat(source_path, " was modified after ", path, ".\nRun `aziotctl config apply`."));
    }
  }
  return Result::Ok();
}

Result Hostname(CheckContext& context, nlohmann::json& info) {
  if (!context.identityd.has_value()) return Result::Skipped();
  const std::string& name = context.identityd->hostname();
  char machine[256] = {};
  gethostname(machine, sizeof machine - 1);
  info["config_hostname"] = name;
  info["machine_hostname"] = machine;
  if (IsAddress(name)) return Result::Ok();
  const std::string lower = absl::AsciiStrToLower(name);
  const std::string lower_machine = absl::AsciiStrToLower(machine);
  if (lower != lower_machine && !absl::StartsWith(lower, lower_machine + ".")) {
    return Result::Error(
        absl::StrCat("identityd config has hostname ", name, " but the machine's is ", machine));
  }
  if (!IsDomainName(name)) return Result::Warning(absl::StrCat(name, " is no valid host name (RFC 1035)"));
  if (name.size() > kLongestHostname)
    return Result::Warning(absl::StrCat(name, " is longer than 64 characters"));
  return Result::Ok();
}

}  // namespace aziot::ctl
