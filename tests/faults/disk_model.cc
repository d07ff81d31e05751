#include "tests/faults/disk_model.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>

#include "absl/strings/strip.h"
#include "common/files/files.h"

namespace aziot::tests::faults {
namespace {

namespace fs = std::filesystem;

struct File {
  DiskEntry entry;  // its content, whether safe or not
  std::string safe_content;
};
using FilePtr = std::shared_ptr<File>;
using Names = std::map<std::string, FilePtr>;

enum class Unsafe { kWhole, kLost, kZeros, kTorn };

std::string ContentOnDisk(const File& file, Unsafe unsafe) {
  if (file.entry.content == file.safe_content) return file.entry.content;
  const size_t shared = std::min(file.safe_content.size(), file.entry.content.size());
  switch (unsafe) {
    case Unsafe::kWhole:
      return file.entry.content;
    case Unsafe::kLost:
      return file.safe_content;
    case Unsafe::kZeros:
      return file.safe_content.substr(0, shared) + std::string(file.entry.content.size() - shared, '\0');
    case Unsafe::kTorn:
      return file.entry.content.substr(0, shared + (file.entry.content.size() - shared) / 2);
  }
  return "";
}

// One change of names, and the directory whose fsync makes it safe.
struct NameChange {
  std::string directory;
  std::function<void(Names&)> apply;
  bool safe = false;
};

std::string ParentOf(const std::string& path) { return fs::path(path).parent_path().string(); }

class Model {
 public:
  Model(const Disk& before, const struct stat& directory) : owner_(directory) {
    for (const auto& [path, entry] : before)
      first_[path] = std::make_shared<File>(File{entry, entry.content});
    now_ = first_;
  }

  void Apply(const RecordedCall& call, const std::string& path, const std::string& other) {
    switch (call.call) {
      case Call::kCreate:
      case Call::kMakeDirectory: {
        const auto parent = now_.find(ParentOf(path));
        const auto file = std::make_shared<File>();
        file->entry = {.is_directory = call.call == Call::kMakeDirectory,
                       .mode = static_cast<mode_t>(call.number),
                       .uid = parent == now_.end() ? owner_.st_uid : parent->second->entry.uid,
                       .gid = parent == now_.end() ? owner_.st_gid : parent->second->entry.gid,
                       .content = ""};
        Change(path, [path, file](Names& names) { names[path] = file; });
        break;
      }
      case Call::kWrite:
        At(path).entry.content += call.data;
        break;
      case Call::kTruncate:
        At(path).entry.content.resize(call.number);
        break;
      case Call::kMode:
        At(path).entry.mode = static_cast<mode_t>(call.number);
        break;
      case Call::kSync:
        Sync(path);
        break;
      case Call::kRename:
        Change(other, [path, other](Names& names) {
          const auto moved = names.find(path);
          if (moved == names.end()) return;
          names[other] = moved->second;
          names.erase(path);
        });
        break;
      case Call::kLink:
        Change(other, [path, other](Names& names) { names[other] = names[path]; });
        break;
      case Call::kUnlink:
      case Call::kRemoveDirectory:
        Change(path, [path](Names& names) { names.erase(path); });
        break;
    }
  }

  void AddStates(std::set<Disk>& states) const {
    size_t pending = 0;
    for (const NameChange& change : changes_) pending += change.safe ? 0 : 1;
    for (size_t reached = 0; reached <= pending; ++reached) {
      Names names = first_;
      size_t seen = 0;
      for (const NameChange& change : changes_) {
        if (change.safe || seen++ < reached) change.apply(names);
      }
      for (const Unsafe unsafe : {Unsafe::kWhole, Unsafe::kLost, Unsafe::kZeros, Unsafe::kTorn}) {
        Disk disk;
        for (const auto& [path, file] : names) {
          const std::string parent = ParentOf(path);
          if (!parent.empty() && !disk.contains(parent)) continue;  // its directory never reached the disk
          disk[path] = file->entry;
          disk[path].content = ContentOnDisk(*file, unsafe);
        }
        states.insert(std::move(disk));
      }
    }
  }

 private:
  File& At(const std::string& path) {
    const auto found = now_.find(path);
    if (found == now_.end()) std::abort();  // a call on a file that no call has made
    return *found->second;
  }
  void Change(const std::string& path, std::function<void(Names&)> apply) {
    apply(now_);
    changes_.push_back({ParentOf(path), std::move(apply)});
  }
  void Sync(const std::string& path) {
    if (const auto found = now_.find(path); found != now_.end() && !found->second->entry.is_directory) {
      found->second->safe_content = found->second->entry.content;
      return;
    }
    for (NameChange& change : changes_) change.safe = change.safe || change.directory == path;
  }

  const struct stat owner_;
  Names first_;
  Names now_;
  std::vector<NameChange> changes_;
};

}  // namespace

Disk ReadDisk(const std::string& directory) {
  Disk disk;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
    struct stat facts {};
    if (lstat(entry.path().c_str(), &facts) != 0) std::abort();
    DiskEntry& found = disk[fs::relative(entry.path(), directory).string()];
    found = {.is_directory = S_ISDIR(facts.st_mode),
             .mode = facts.st_mode & 07777u,
             .uid = facts.st_uid,
             .gid = facts.st_gid,
             .content = ""};
    if (!found.is_directory) found.content = files::Read(entry.path().string()).value_or("");
  }
  return disk;
}

void WriteDisk(const Disk& disk, const std::string& directory) {
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) fs::remove_all(entry.path());
  for (const auto& [relative, entry] : disk) {
    const std::string path = directory + "/" + relative;
    if (entry.is_directory) {
      fs::create_directory(path);
    } else {
      std::ofstream(path, std::ios::binary) << entry.content;
    }
    if (chmod(path.c_str(), entry.mode) != 0 || lchown(path.c_str(), entry.uid, entry.gid) != 0) {
      std::abort();
    }
  }
}

CrashStates StatesOf(const Disk& before, const std::vector<RecordedCall>& calls,
                     const std::string& directory) {
  const auto relative = [&](const std::string& path) {
    return path == directory ? std::string() : std::string(absl::StripPrefix(path, directory + "/"));
  };
  struct stat owner {};
  stat(directory.c_str(), &owner);
  CrashStates states;
  Model model(before, owner);
  model.AddStates(states.during);
  for (const RecordedCall& call : calls) {
    model.Apply(call, relative(call.path), relative(call.other));
    model.AddStates(states.during);
  }
  model.AddStates(states.after);
  return states;
}

}  // namespace aziot::tests::faults
