#include "tests/faults/victim.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/http/client.h"

namespace aziot::tests::faults {

Victim::Victim(const TempRoot& root, const std::string& name, const std::string& user)
    : root_(root),
      name_(name),
      process_(root, absl::StrCat("libexec/aziot-identity-service/aziot-", name), user) {}

void Victim::Start(const Injector* injector) {
  if (process_.Runs()) Kill();  // left by a step that failed
  std::map<std::string, std::string> environment;
  if (injector != nullptr) environment = injector->Environment();
  environment["LD_BIND_NOW"] = "1";
  process_.Start(environment);
  for (int i = 0; i < 30'000 && process_.Runs(); ++i) {
    if (Ask("GET", "/ready").status == 200) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  FAIL() << name_ << " does not start: " << process_.Log();
}

void Victim::Kill() { process_.Stop(SIGKILL); }

http::Response Victim::Ask(const std::string& verb, const std::string& path, const std::string& body) const {
  http::UnixClient client(root_.Join(absl::StrCat("run/aziot/", name_, ".sock")));
  http::Request request{.method = verb, .target = path, .body = body};
  if (!body.empty()) request.headers.Add("content-type", "application/json");
  const auto answer = client.Send(request, absl::Seconds(60));
  return answer.ok() ? *answer : http::Response{.status = 0, .body = answer.status().ToString()};
}

std::string Member(const http::Response& answer, const char* name) {
  const auto json = nlohmann::json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains(name) || !json[name].is_string()) return "";
  return json[name].get<std::string>();
}

}  // namespace aziot::tests::faults
