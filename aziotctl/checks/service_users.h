// The users of the system that the daemons run as and that call them.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "aziotctl/checks/check.h"

namespace aziot::ctl {

struct SystemUser {
  std::string name;
  uid_t uid;
  gid_t gid;
  std::vector<gid_t> groups;  // all, `gid` too
};
std::optional<SystemUser> FindUserByName(const std::string& name);
std::optional<SystemUser> FindUserByUid(uid_t uid);

// aziotks for keyd; "" for what is no daemon.
absl::string_view UserOf(absl::string_view daemon);

// Whether `user` may open `path` for reading. Asks the kernel, as that user; OK too when this process may not
// take another's place.
absl::Status CheckReadable(const std::string& path, const SystemUser& user);

// A principal of `daemon`'s configuration: its user exists, and may open the daemon's socket. `principal` is
// how it is called in a sentence.
void CheckCaller(absl::string_view daemon, absl::string_view principal, uid_t uid, Findings& findings);

}  // namespace aziot::ctl
