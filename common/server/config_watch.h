// Notices that configuration files may have changed. It watches each path and its parent, or, when they are
// not there yet, the nearest directory that is; reading a file is no change.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/net/unique_fd.h"

namespace aziot::server {

class ConfigWatch {
 public:
  static absl::StatusOr<ConfigWatch> New(std::vector<std::string> paths);

  // Readable when there is news.
  int fd() const { return inotify_.get(); }
  // Reads the news: true when some of it concerns the paths.
  bool Changed();

 private:
  ConfigWatch(net::UniqueFd inotify, std::vector<std::string> paths);
  void Watch();
  void Add(const std::string& directory, const std::string& name);

  net::UniqueFd inotify_;
  std::vector<std::string> paths_;
  // By watch descriptor: names of interest in that directory; an empty name: all of it.
  std::map<int, std::set<std::string>> watches_;
};

}  // namespace aziot::server
