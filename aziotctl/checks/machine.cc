#include "aziotctl/checks/machine.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <map>
#include <set>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

namespace aziot::ctl {
namespace {

using Json = nlohmann::ordered_json;

// Files of /proc and /sys tell no size and are read to their end.
std::string ReadAll(const std::string& path) {
  std::string text;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  char buffer[4096];
  ssize_t count;
  while ((count = read(fd, buffer, sizeof buffer)) > 0) text.append(buffer, static_cast<size_t>(count));
  close(fd);
  return text;
}

Json LineOrNull(const std::string& path) {
  const std::string text = ReadAll(path);
  const std::string line(absl::StripAsciiWhitespace(absl::string_view(text).substr(0, text.find('\n'))));
  return line.empty() ? Json(nullptr) : Json(line);
}

Json OperatingSystem() {
  std::map<std::string, std::string> release;
  const std::string text = ReadAll("/etc/os-release");
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(line, absl::MaxSplits('=', 1));
    release[std::string(pair.first)] = absl::StrReplaceAll(pair.second, {{"\"", ""}, {"'", ""}});
  }
  const auto value = [&](const char* name) {
    const auto found = release.find(name);
    return found == release.end() ? Json(nullptr) : Json(found->second);
  };
  Json os = {{"id", value("ID")}, {"version_id", value("VERSION_ID")}};
  if (release.contains("VARIANT_ID")) os["variant_id"] = release["VARIANT_ID"];
  if (release.contains("BUILD_ID")) os["build_id"] = release["BUILD_ID"];
  utsname name{};
  uname(&name);
  os["arch"] = name.machine;
  os["bitness"] = 8 * sizeof(void*);
  return os;
}

// Whether the disk that holds the file system turns: "HDD", "SSD", or "Unknown".
std::string DiskKind(dev_t device) {
  const std::string block = absl::StrCat("/sys/dev/block/", major(device), ":", minor(device));
  for (const char* queue : {"/queue/rotational", "/../queue/rotational"}) {
    const std::string text = ReadAll(absl::StrCat(block, queue));
    if (absl::StartsWith(text, "0")) return "SSD";
    if (absl::StartsWith(text, "1")) return "HDD";
  }
  return "Unknown";
}

// Each mounted block device once.
Json Disks() {
  Json disks = Json::array();
  std::set<std::string> seen;
  const std::string mounts = ReadAll("/proc/self/mounts");
  for (const absl::string_view line : absl::StrSplit(mounts, '\n')) {
    const std::vector<std::string> fields = absl::StrSplit(line, ' ');
    if (fields.size() < 3 || !absl::StartsWith(fields[0], "/dev/") || !seen.insert(fields[0]).second)
      continue;
    const std::string point =
        absl::StrReplaceAll(fields[1], {{"\\040", " "}, {"\\011", "\t"}, {"\\134", "\\"}});
    struct statvfs space {};
    struct stat found {};
    if (statvfs(point.c_str(), &space) != 0 || stat(point.c_str(), &found) != 0 || space.f_blocks == 0)
      continue;
    const uint64_t available = uint64_t{space.f_bavail} * space.f_frsize;
    const uint64_t total = uint64_t{space.f_blocks} * space.f_frsize;
    disks.push_back({{"name", fields[0]},
                     {"percent_free", absl::StrFormat("%.1f%%", 100.0 * static_cast<double>(available) /
                                                                    static_cast<double>(total))},
                     {"available_space", FormatSize(available)},
                     {"total_space", FormatSize(total)},
                     {"file_system", fields[2]},
                     {"file_type", DiskKind(found.st_dev)}});
  }
  return disks;
}

}  // namespace

std::string FormatSize(uint64_t bytes) {
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.2f %s", value, kUnits[unit]);
}

Json MemoryInfo(absl::string_view meminfo) {
  std::map<std::string, uint64_t> bytes;
  for (const absl::string_view line : absl::StrSplit(meminfo, '\n')) {
    const std::vector<absl::string_view> fields =
        absl::StrSplit(line, absl::ByAnyChar(": "), absl::SkipEmpty());
    uint64_t number = 0;
    if (fields.size() >= 2 && absl::SimpleAtoi(fields[1], &number))
      bytes[std::string(fields[0])] = number << 10;
  }
  return {{"used_ram", FormatSize(bytes["MemTotal"] - bytes["MemAvailable"])},
          {"total_ram", FormatSize(bytes["MemTotal"])},
          {"used_swap", FormatSize(bytes["SwapTotal"] - bytes["SwapFree"])},
          {"total_swap", FormatSize(bytes["SwapTotal"])}};
}

Json AboutTheMachine(const CheckContext& context) {
  Json system = MemoryInfo(ReadAll("/proc/meminfo"));
  system["disks"] = Disks();
  Json about = {{"now", absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::Now(), absl::UTCTimeZone())},
                {"os", OperatingSystem()},
                {"dmi",
                 {{"product", LineOrNull("/sys/devices/virtual/dmi/id/product_name")},
                  {"vendor", LineOrNull("/sys/devices/virtual/dmi/id/sys_vendor")}}},
                {"system_info", system}};
  const std::string hub = context.iothub_hostname.empty() ? context.AssignedHub() : context.iothub_hostname;
  if (!hub.empty()) about["iothub_hostname"] = hub;
  if (const std::string parent = context.Parent(); !parent.empty()) about["local_gateway_hostname"] = parent;
  return about;
}

}  // namespace aziot::ctl
