// A cloud that does what real ones cannot be made to do: a DPS that assigns at once and a hub with a module
// registry, behind one TLS port of its own, with faults on demand at every level.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/https/fake_server.h"
#include "common/testing/test_ca.h"

namespace aziot::tests {

class ScriptedCloud {
 public:
  using Reply = https::Reply;
  // What happens to new connections; those that are open end when it changes.
  enum class Line { kUp, kSilent, kReset, kOtherCa, kExpired, kNotTls };
  enum class Service { kDps, kHub };
  struct Module {
    std::string generation;
    std::string primary_key;  // "" until one is registered
  };
  // Called with "list", "get", "create", "update" or "delete", before the registry has changed and after.
  using Hook = std::function<void(const std::string& step, bool after)>;

  ScriptedCloud();
  ~ScriptedCloud();

  // `localhost:<port>`, and the certificate to trust.
  std::string host() const;
  const std::string& root() const { return ca_.root(); }

  void Set(Line line);
  // Made since the line was set.
  int connections() const;
  // Answers every request to `service` with `reply` until it is set to nullopt.
  void Fault(Service service, std::optional<Reply> reply);
  void SetHook(Hook hook);

  std::map<std::string, Module> modules() const;
  // Request lines and headers seen by a service so far.
  std::vector<std::string> requests(Service service) const;

 private:
  class Gate;

  Reply Answer(const std::string& request);
  Reply AnswerDps() const;
  Reply AnswerHub(const std::string& verb, const std::string& id, const std::string& request);
  std::string Describe(const std::string& id) const;  // under mutex_

  const testing::TestCa ca_;
  const testing::TestCa other_ca_;
  mutable std::mutex mutex_;
  std::map<Service, Reply> faults_;
  std::map<Service, std::vector<std::string>> requests_;
  std::map<std::string, Module> modules_;
  Hook hook_;
  int generation_ = 0;
  std::unique_ptr<https::FakeServer> good_, other_, expired_;
  std::unique_ptr<Gate> gate_;
};

}  // namespace aziot::tests
