#include "tests/faults/memory_search.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/bytes/base64.h"

namespace aziot::tests::faults {
namespace {

constexpr size_t kStretch = 12;
constexpr size_t kPage = 4096;
constexpr uint64_t kPresentOrSwapped = uint64_t{3} << 62;

struct Descriptor {
  explicit Descriptor(const std::string& path) : fd(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
  const int fd;
};

size_t BeginningOf(const char* bytes) {
  uint16_t beginning;
  std::memcpy(&beginning, bytes, sizeof beginning);
  return beginning;
}

struct Mapping {
  uint64_t begin = 0;
  uint64_t end = 0;
  std::string line;
  bool writable = false;
  bool locked = false;  // and not in core dumps
};

std::vector<Mapping> MappingsOf(pid_t pid) {
  std::vector<Mapping> mappings;
  std::ifstream smaps(absl::StrCat("/proc/", pid, "/smaps"));
  std::string line;
  while (std::getline(smaps, line)) {
    unsigned long begin = 0;
    unsigned long end = 0;
    char access[8] = "";
    if (std::sscanf(line.c_str(), "%lx-%lx %7s", &begin, &end, access) == 3) {
      mappings.push_back({begin, end, line, access[0] == 'r' && access[1] == 'w', false});
    } else if (absl::StartsWith(line, "VmFlags:")) {
      mappings.back().locked = absl::StrContains(line, " lo ") && absl::StrContains(line, " dd ");
    }
  }
  return mappings;
}

}  // namespace

void MemorySearch::AddBytes(absl::string_view name, BytesView secret) {
  const absl::string_view text = ToText(secret);
  // Every other byte: a copy of 12 bytes and one more holds one of these whole.
  for (size_t at = 0; at + kStretch <= text.size(); at += 2) {
    needles_.emplace(text.substr(at, kStretch), name);
    begins_.set(BeginningOf(text.data() + at));
  }
}

void MemorySearch::AddBase64(absl::string_view name, BytesView secret) {
  const std::string text = FormatBase64(secret);
  AddBytes(absl::StrCat(name, " in base64"), ToBytesView(absl::string_view(text).substr(0, text.find('='))));
}

std::vector<std::string> MemorySearch::FindIn(absl::string_view place, absl::string_view memory) const {
  std::vector<std::string> found;
  std::set<absl::string_view> named;
  for (size_t at = 0; at + kStretch <= memory.size(); ++at) {
    if (!begins_[BeginningOf(memory.data() + at)]) continue;
    const auto needle = needles_.find(memory.substr(at, kStretch));
    if (needle == needles_.end() || !named.insert(needle->second).second) continue;
    found.push_back(absl::StrCat(needle->second, " at ", absl::Hex(at), " of ", place));
  }
  return found;
}

std::vector<std::string> MemorySearch::FindIn(pid_t pid) const {
  std::vector<std::string> found;
  const Descriptor memory(absl::StrCat("/proc/", pid, "/mem"));
  const Descriptor pages(absl::StrCat("/proc/", pid, "/pagemap"));
  if (memory.fd < 0 || pages.fd < 0) return {"the memory cannot be read"};
  for (const Mapping& mapping : MappingsOf(pid)) {
    if (!mapping.writable || mapping.locked) continue;
    std::vector<uint64_t> facts((mapping.end - mapping.begin) / kPage);
    if (pread(pages.fd, facts.data(), facts.size() * sizeof(uint64_t),
              static_cast<off_t>(mapping.begin / kPage * sizeof(uint64_t))) < 0) {
      return {"the page map cannot be read"};
    }
    for (size_t first = 0; first < facts.size(); ++first) {
      size_t end = first;
      while (end < facts.size() && (facts[end] & kPresentOrSwapped) != 0) ++end;
      if (end == first) continue;
      std::string run((end - first) * kPage, '\0');
      const ssize_t size =
          pread(memory.fd, run.data(), run.size(), static_cast<off_t>(mapping.begin + first * kPage));
      if (size > 0) run.resize(static_cast<size_t>(size));
      for (std::string& line : FindIn(absl::StrCat("page ", first, " of ", mapping.line), run)) {
        found.push_back(std::move(line));
      }
      first = end;
    }
  }
  return found;
}

size_t MemorySearch::LockedBytes(pid_t pid) {
  size_t bytes = 0;
  for (const Mapping& mapping : MappingsOf(pid)) bytes += mapping.locked ? mapping.end - mapping.begin : 0;
  return bytes;
}

}  // namespace aziot::tests::faults
