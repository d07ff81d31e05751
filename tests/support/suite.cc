#include "tests/support/suite.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/http/client.h"

namespace aziot::tests {
namespace {

constexpr absl::Duration kAnswer = absl::Seconds(60);

// A response on its way through a pipe: status, header lines, an empty line, body.
std::string Pack(const http::Response& response) {
  std::string text = absl::StrCat(response.status, "\n");
  for (const auto& [name, value] : response.headers) absl::StrAppend(&text, name, ":", value, "\n");
  return absl::StrCat(text, "\n", response.body);
}
http::Response Unpack(absl::string_view text) {
  http::Response response{.status = 0};
  for (bool first = true;; first = false) {
    const size_t end = text.find('\n');
    if (end == absl::string_view::npos) return response;
    const absl::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line.empty()) break;
    if (first) {
      response.status = std::atoi(std::string(line).c_str());
    } else {
      response.headers.Add(line.substr(0, line.find(':')), line.substr(line.find(':') + 1));
    }
  }
  response.body = std::string(text);
  return response;
}

}  // namespace

std::vector<gid_t> Suite::SocketGroups() {
  std::vector<gid_t> groups;
  for (const char* name : {"aziotid", "aziotcs", "aziotks", "aziottpm"}) {
    if (const group* entry = getgrnam(name)) groups.push_back(entry->gr_gid);
  }
  return groups;
}

bool Eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  do {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

Suite::Suite() {
  files::Replace(root_.Join("etc/provisiond/config.toml"),
                 "[server]\nlisten = [\"127.0.0.1:0\"]\nnames = [\"localhost\"]\n", 0644)
      .IgnoreError();
}

void Suite::StartCloud() {
  cloud_.Start();
  ASSERT_TRUE(Eventually([&] { return Provisionctl("status").status == 0 || !cloud_.Runs(); }));
  ASSERT_TRUE(cloud_.Runs()) << cloud_.Log();
  const std::string address(
      absl::StripAsciiWhitespace(files::Read(root_.Join("run/provisiond/address")).value_or("")));
  const std::string port = address.substr(address.rfind(':') + 1);
  hub_ = absl::StrCat("localhost:", port);
  ASSERT_TRUE(
      files::Replace(root_.Join("etc/provisiond/config.toml"),
                     absl::StrCat("[server]\nlisten = [\"127.0.0.1:", port, "\"]\nnames = [\"localhost\"]\n"),
                     0644)
          .ok());
}

void Suite::StartKeyd() {
  keyd_.Start();
  ASSERT_TRUE(Eventually([&] { return IsReady("keyd") || !keyd_.Runs(); }));
  ASSERT_TRUE(keyd_.Runs()) << keyd_.Log();
}

void Suite::StartCertd() {
  certd_.Start();
  ASSERT_TRUE(Eventually([&] { return IsReady("certd") || !certd_.Runs(); }));
  ASSERT_TRUE(certd_.Runs()) << certd_.Log();
}

void Suite::StartTpmd() {
  tpmd_.Start();
  ASSERT_TRUE(Eventually([&] { return Ask(0, "tpmd", "GET", "/live").status == 200 || !tpmd_.Runs(); }));
  ASSERT_TRUE(tpmd_.Runs()) << tpmd_.Log();
}

void Suite::StartIdentityd() { identityd_.Start({{"SSL_CERT_FILE", CloudRoot()}}); }

http::Response Suite::Ask(uid_t uid, const std::string& daemon, const std::string& verb,
                          const std::string& target, const std::string& body) const {
  http::Request request{.method = verb, .target = target, .body = body};
  if (!body.empty()) request.headers.Add("content-type", "application/json");
  return Send(uid, daemon, request);
}

http::Response Suite::Send(uid_t uid, const std::string& daemon, const http::Request& request) const {
  // getgrnam's answer belongs to the process. And a child forked by another thread in between would hold the
  // write end, and the answer would have no end.
  static std::mutex forking;
  std::unique_lock lock(forking);
  const std::vector<gid_t> groups = SocketGroups();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    if (setgroups(groups.size(), groups.data()) != 0 || setgid(uid) != 0 || setuid(uid) != 0) _exit(1);
    http::UnixClient client(root_.Join(absl::StrCat("run/aziot/", daemon, ".sock")));
    const auto answer = client.Send(request, kAnswer);
    const std::string text =
        Pack(answer.ok() ? *answer : http::Response{.status = 0, .body = answer.status().ToString()});
    _exit(write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  close(ends[1]);
  lock.unlock();
  std::string text;
  char buffer[4096];
  ssize_t count;
  while ((count = read(ends[0], buffer, sizeof buffer)) > 0) text.append(buffer, static_cast<size_t>(count));
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return Unpack(text);
}

bool Suite::IsReady(const std::string& daemon) const { return Ask(0, daemon, "GET", "/ready").status == 200; }

Output Suite::Aziotctl(const std::string& arguments) const {
  return RunCommand(absl::StrCat(BuildDir(), "/bin/aziotctl --root ", root_.path(), " ", arguments));
}
Output Suite::Provisionctl(const std::string& arguments) const {
  return RunCommand(
      absl::StrCat(BuildDir(), "/bin/provisionctl --root ", root_.path(), " ", arguments, " 2>&1"));
}

}  // namespace aziot::tests
