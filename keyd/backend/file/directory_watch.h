// Tells which files of some directories were changed by others: an inotify queue that is read when asked, so
// that a change is seen by the first call after it, and nothing runs in between.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace aziot::keyd::file {

// Not thread-safe.
class DirectoryWatch {
 public:
  DirectoryWatch();
  ~DirectoryWatch();
  DirectoryWatch(const DirectoryWatch&) = delete;
  DirectoryWatch& operator=(const DirectoryWatch&) = delete;

  // Whether changes in `directory` are reported from now on; false when it is not there or the system has no
  // watch left.
  bool Cover(const std::string& directory);

  struct Changes {
    bool everything = false;         // events were lost, or a directory went away
    std::vector<std::string> paths;  // files whose content or name changed
  };
  // What happened since the last call; never waits.
  Changes Take();

 private:
  int fd_ = -1;
  std::map<int, std::string> directories_;  // by watch descriptor
};

}  // namespace aziot::keyd::file
