#include "aziotctl/checks/service_users.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/status/errno_status.h"

namespace aziot::ctl {
namespace {

constexpr int kMostGroups = 1024;

std::optional<SystemUser> FromEntry(const passwd* entry) {
  if (entry == nullptr) return std::nullopt;
  SystemUser user{entry->pw_name, entry->pw_uid, entry->pw_gid, std::vector<gid_t>(kMostGroups)};
  int count = kMostGroups;
  if (getgrouplist(entry->pw_name, entry->pw_gid, user.groups.data(), &count) < 0) count = kMostGroups;
  user.groups.resize(static_cast<size_t>(count));
  return user;
}

}  // namespace

std::optional<SystemUser> FindUserByName(const std::string& name) {
  return FromEntry(getpwnam(name.c_str()));
}
std::optional<SystemUser> FindUserByUid(uid_t uid) { return FromEntry(getpwuid(uid)); }

absl::string_view UserOf(absl::string_view daemon) {
  if (daemon == "keyd") return "aziotks";
  if (daemon == "certd") return "aziotcs";
  if (daemon == "identityd") return "aziotid";
  return daemon == "tpmd" ? "aziottpm" : "";
}

absl::Status CheckReadable(const std::string& path, const SystemUser& user) {
  if (geteuid() != 0) return absl::OkStatus();
  const pid_t child = fork();
  if (child < 0) return ErrnoStatus(errno, "fork");
  if (child == 0) {
    if (setgroups(user.groups.size(), user.groups.data()) != 0 || setgid(user.gid) != 0 ||
        setuid(user.uid) != 0)
      _exit(0);
    _exit(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) < 0 ? errno : 0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const int error = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
  if (error == 0) return absl::OkStatus();
  return ErrnoStatus(error, absl::StrCat(path, " cannot be read by user ", user.name));
}

void CheckCaller(absl::string_view daemon, absl::string_view principal, uid_t uid, Findings& findings) {
  if (uid == 0) return;
  const std::optional<SystemUser> user = FindUserByUid(uid);
  if (!user.has_value()) {
    findings.Warn(absl::StrCat(daemon, " configuration: no user has the uid ", uid, " of ", principal));
    return;
  }
  const std::optional<SystemUser> service = FindUserByName(std::string(UserOf(daemon)));
  if (!service.has_value() || service->uid == uid) return;
  if (std::find(user->groups.begin(), user->groups.end(), service->gid) == user->groups.end()) {
    findings.Warn(absl::StrCat(daemon, " configuration: user ", user->name, " of ", principal,
                               " is not in group ", service->name, " and cannot open ", daemon,
                               "'s socket; `usermod -aG ", service->name, " ", user->name, "` adds it"));
  }
}

}  // namespace aziot::ctl
