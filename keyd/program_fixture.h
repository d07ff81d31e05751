// The real program in a root of its own, asked over its socket as any client asks it. For tests only.
#pragma once

#include <curl/curl.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/testing/temp_dir.h"

namespace aziot::keyd {

using Json = nlohmann::json;

struct Answer {
  long status = 0;  // 0: nobody answered
  std::string body;
  // A text member of a JSON body, or "".
  std::string operator[](const char* member) const {
    const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
    return json.is_object() ? json.value(member, std::string()) : "";
  }
};

inline size_t Append(char* data, size_t size, size_t count, void* body) {
  static_cast<std::string*>(body)->append(data, size * count);
  return size * count;
}

inline Answer Ask(const std::string& socket, const std::string& verb, const std::string& path,
                  const std::string& body = "") {
  Answer answer;
  CURL* curl = curl_easy_init();
  const std::string url = absl::StrCat("http://keyd", path);
  curl_slist* headers = curl_slist_append(nullptr, "content-type: application/json");
  curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, verb.c_str());
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  if (!body.empty()) curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, body.c_str());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, Append);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  if (curl_easy_perform(curl) == CURLE_OK) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
  curl_slist_free_all(headers);
  curl_easy_cleanup(curl);
  return answer;
}

// Polls `condition`; the limit only ends a test that has failed.
template <class Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 600; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

class KeydProgramTest : public ::testing::Test {
 protected:
  KeydProgramTest() {
    std::filesystem::create_directories(root_.Join("etc/aziot/keyd/config.d"));
    std::filesystem::create_directories(root_.Join("run/aziot"));
    std::filesystem::create_directories(root_.Join("var/lib/aziot/keyd"));
    Configure("config.toml", absl::StrCat("[aziot_keys]\nhomedir_path = \"", root_.Join("var/lib/aziot/keyd"),
                                          "\"\n[[principal]]\nuid = ", getuid(), "\nkeys = [\"*\"]\n"));
  }
  ~KeydProgramTest() override {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }

  void Configure(const std::string& name, const std::string& toml) {
    std::ofstream(root_.Join("etc/aziot/keyd/" + name)) << toml;
  }
  void Spawn() {
    const char* build = std::getenv("AZIOT_BUILD_DIR");
    const std::string program =
        absl::StrCat(build == nullptr ? "." : build, "/libexec/aziot-identity-service/aziot-keyd");
    pid_ = fork();
    if (pid_ != 0) return;
    const int log = open(root_.Join("log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(log, STDERR_FILENO);
    execl(program.c_str(), program.c_str(), "--root", root_.path().c_str(), nullptr);
    _exit(127);
  }
  void Start() {
    Spawn();
    ASSERT_TRUE(Eventually([&] { return Ask("GET", "/ready").status == 200; })) << Log();
  }
  // The exit status, or -1 when a signal ended it.
  int Wait() {
    int status = 0;
    waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  int Stop() {
    kill(pid_, SIGTERM);
    return Wait();
  }
  std::string Log() { return files::Read(root_.Join("log")).value_or(""); }

  std::string socket() const { return root_.Join("run/aziot/keyd.sock"); }
  Answer Ask(const std::string& verb, const std::string& path, const std::string& body = "") {
    return keyd::Ask(socket(), verb, path, body);
  }
  // As another user, in a process of its own.
  Answer AskAs(uid_t uid, const std::string& verb, const std::string& path, const std::string& body = "") {
    const std::string result = root_.Join("answer");
    const pid_t child = fork();
    if (child == 0) {
      const int out = open(result.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      if (setgroups(0, nullptr) != 0 || setgid(uid) != 0 || setuid(uid) != 0) _exit(1);
      const Answer answer = Ask(verb, path, body);
      const std::string text = absl::StrCat(answer.status, "\n", answer.body);
      _exit(write(out, text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
    }
    waitpid(child, nullptr, 0);
    const std::string text = files::Read(result).value_or("");
    const size_t line = text.find('\n');
    return {std::atol(text.c_str()), line == std::string::npos ? "" : text.substr(line + 1)};
  }
  void OpenToAll() {
    std::filesystem::permissions(root_.path(), std::filesystem::perms(0755));
    std::filesystem::permissions(socket(), std::filesystem::perms(0666));
  }

  const aziot::testing::TempDir root_;
  pid_t pid_ = 0;
};

inline std::string SignBody(const std::string& handle) {
  return Json{{"keyHandle", handle}, {"algorithm", "HMAC-SHA256"}, {"parameters", {{"message", "aGVsbG8="}}}}
      .dump();
}

}  // namespace aziot::keyd
