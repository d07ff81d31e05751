// A device of the scripted cloud: real keyd, certd and identityd, one agent that is a module and one with a
// local identity.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/integration/scripted_cloud.h"
#include "tests/support/suite.h"

namespace aziot::tests {

class ScriptedDevice {
 public:
  static constexpr uid_t kAgent = 64030;
  static constexpr uid_t kLocal = 64031;

  enum class Source { kDps, kManual };

  // Writes the configuration; starts nothing.
  explicit ScriptedDevice(const ScriptedCloud& cloud, Source source = Source::kDps);

  Suite& suite() { return suite_; }
  // With the scripted cloud's root certificate, and reloads at once; through `proxy` unless it is "".
  void StartIdentityd(const std::string& proxy = "");
  // Until the device is provisioned and its modules are reconciled.
  void AwaitReconciled();
  // Replaces `identityd/config.d/<name>`.
  void WriteDropIn(const std::string& name, const std::string& toml);
  static std::string ModulePrincipal(uid_t uid, const std::string& name);

  http::Response Identity(uid_t uid = kAgent);
  http::Response Device();
  http::Response Reprovision();
  nlohmann::json Status();
  // What the agent of `uid` is, in one line; "" when it gets no answer.
  std::string KnownAs(uid_t uid = kAgent);
  // The agent's signature, made by keyd with the handle of its identity, base64.
  std::string Sign(uid_t uid = kAgent);
  // The same made with a key the hub holds.
  static std::string SignWith(const std::string& base64_key);

 private:
  void Write(const std::string& path, const std::string& text, mode_t mode = 0644);

  Suite suite_;
};

}  // namespace aziot::tests
