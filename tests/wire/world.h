// What samples are replayed against: the real daemons in a private root, the users and names that samples
// speak of. README.md lists them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "common/http/message.h"
#include "tests/support/shared_tpm.h"
#include "tests/support/suite.h"
#include "tests/wire/grpc_peer.h"
#include "tests/wire/pattern.h"

namespace aziot::tests {

class World {
 public:
  // `provisioning` is dps, manual or none; tpm and tpm-empty are the TPM service alone.
  explicit World(absl::string_view provisioning);

  // Fails the test when something does not start.
  void Start();

  // Names that every sample may use.
  const Variables& names() const { return names_; }
  // The uid of a user of the samples; fails the test when there is no such user.
  static uid_t Uid(absl::string_view user);
  // One request over REST, a connection of its own.
  http::Response Send(absl::string_view user, const std::string& daemon, const http::Request& request) const;
  // The user's gRPC connection to `daemon`.
  GrpcPeer& Peer(absl::string_view user, const std::string& daemon);
  Suite& suite() { return suite_; }

 private:
  void StartTpmService();
  void MakeAuthority();
  void MakeSelfSignedRequest();
  void Configure();
  std::string Provision();
  void AddDropIn(const std::string& daemon, absl::string_view toml);

  const std::string provisioning_;
  Suite suite_;
  std::unique_ptr<SharedTpm> tpm_;
  Variables names_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<GrpcPeer>> peers_;
};

}  // namespace aziot::tests
