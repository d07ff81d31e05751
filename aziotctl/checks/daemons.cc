#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "aziotctl/checks/checks.h"
#include "aziotctl/checks/context.h"
#include "aziotctl/checks/service_users.h"
#include "common/http/client.h"
#include "common/net/unix_socket.h"

namespace aziot::ctl {
namespace {

constexpr absl::Duration kConnect = absl::Seconds(5);

void CheckSocketFile(const std::string& path, absl::string_view daemon, Findings& findings) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) return;
  if ((found.st_mode & S_IWOTH) != 0) {
    findings.Warn(absl::StrFormat("%s has mode %04o: every user of this machine may connect; 0660 is meant",
                                  path, found.st_mode & 07777));
  }
  if ((found.st_mode & S_IWGRP) == 0) {
    findings.Warn(absl::StrFormat("%s has mode %04o: members of its group cannot connect; 0660 is meant",
                                  path, found.st_mode & 07777));
  }
  const auto user = FindUserByName(std::string(UserOf(daemon)));
  if (user.has_value() && found.st_gid != user->gid) {
    findings.Warn(absl::StrCat(path, " belongs to group ", found.st_gid, ", not to ", user->name,
                               ": clients in that group cannot connect"));
  }
}

// Once for each file system, however many daemons keep their state there.
void CheckSpace(CheckContext& context, const std::string& directory, Findings& findings) {
  struct stat found {};
  struct statvfs space {};
  if (stat(directory.c_str(), &found) != 0 || statvfs(directory.c_str(), &space) != 0) return;
  const uint64_t free_bytes = uint64_t{space.f_bavail} * space.f_frsize;
  if (free_bytes >= context.least_free_bytes || !context.full_devices.insert(found.st_dev).second) return;
  findings.Warn(absl::StrCat("only ", free_bytes >> 10, " KiB are free where ", directory,
                             " lies: keys, certificates and state cannot be kept when it is full"));
}

Result Running(CheckContext& context, absl::string_view daemon, const std::string& home) {
  const std::string path = context.SocketOf(daemon);
  const auto connection = net::ConnectUnix(path, kConnect);
  if (!connection.ok())
    return Result::Error(absl::StrCat("Could not connect to ", daemon), connection.status().message());
  Findings findings;
  CheckSocketFile(path, daemon, findings);
  CheckSpace(context, home, findings);
  return findings.Total();
}

// It serves its socket while it waits for the TPM.
void CheckTpm(const CheckContext& context, Findings& findings) {
  http::UnixClient client(context.SocketOf("tpmd"));
  const auto answer = client.Send({.method = "GET", .target = "/ready"}, kConnect);
  if (!answer.ok()) {
    findings.Add(Result::Warning("tpmd does not say whether the TPM can be used", answer.status().message()));
    return;
  }
  if (answer->status == 200) return;
  const nlohmann::json body = nlohmann::json::parse(answer->body, nullptr, /*allow_exceptions=*/false);
  const std::string cause = body.is_object() ? body.value("message", "") : "";
  findings.Add(Result::Error("tpmd runs, but cannot use the TPM", cause));
}

bool IsDpsTpm(const config::v1::Identityd& identityd) {
  return identityd.provisioning().source() == "dps" &&
         identityd.provisioning().attestation().method() == "tpm";
}

}  // namespace

Result KeydRunning(CheckContext& context, nlohmann::json&) {
  const Result result = Running(context, "keyd", context.Rooted("/var/lib/aziot/keyd"));
  context.keyd_runs = result.kind < Result::Kind::kError;
  return result;
}

Result CertdRunning(CheckContext& context, nlohmann::json&) {
  const Result result = Running(context, "certd", context.Rooted("/var/lib/aziot/certd"));
  context.certd_runs = result.kind < Result::Kind::kError;
  return result;
}

Result TpmdRunning(CheckContext& context, nlohmann::json&) {
  const auto& known = context.identityd.has_value() ? context.identityd : context.previous;
  if (known.has_value() && !IsDpsTpm(*known)) return Result::Ignored();
  const Result running = Running(context, "tpmd", context.Rooted("/var/lib/aziot/tpmd"));
  if (running.kind >= Result::Kind::kError) return running;
  Findings findings;
  if (running.kind != Result::Kind::kOk) findings.Add(running);
  CheckTpm(context, findings);
  return findings.Total();
}

Result IdentitydRunning(CheckContext& context, nlohmann::json&) {
  return Running(context, "identityd", context.IdentityHome());
}

}  // namespace aziot::ctl
