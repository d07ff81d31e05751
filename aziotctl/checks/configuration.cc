#include <arpa/inet.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "aziotctl/checks/checks.h"
#include "aziotctl/checks/context.h"
#include "common/status/errno_status.h"

namespace aziot::ctl {
namespace {

constexpr size_t kLongestHostname = 64;

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

bool IsOlder(const struct stat& a, const struct stat& b) {
  return std::tie(a.st_mtim.tv_sec, a.st_mtim.tv_nsec) < std::tie(b.st_mtim.tv_sec, b.st_mtim.tv_nsec);
}

}  // namespace

Result ConfigsUpToDate(CheckContext& context, nlohmann::json&) {
  const std::string source_path = context.Rooted("/etc/aziot/config.toml");
  struct stat source {};
  if (stat(source_path.c_str(), &source) != 0) {
    if (errno == ENOENT) return Result::Ignored();
    return Result::Error(std::string(ErrnoStatus(errno, absl::StrCat("stat ", source_path)).message()));
  }
  for (const char* daemon : {"keyd", "certd", "identityd", "tpmd"}) {
    const std::string path = context.Rooted(absl::StrCat("/etc/aziot/", daemon, "/config.d/00-super.toml"));
    struct stat written {};
    if (stat(path.c_str(), &written) != 0) {
      if (errno != ENOENT)
        return Result::Error(std::string(ErrnoStatus(errno, absl::StrCat("stat ", path)).message()));
      return Result::Warning(absl::StrCat(path, " does not exist.\nRun `aziotctl config apply`."));
    }
    if (IsOlder(written, source)) {
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
