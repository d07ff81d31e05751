// A backend that lives in a worker process: a module that crashes or hangs takes down its own keys for as
// long as it takes to start it again, and nothing else. Calls block; each lane thread that calls has a
// connection of its own.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "keyd/backend/key_backend.h"
#include "keyd/backend/worker/messages.h"
#include "keyd/backend/worker/supervisor.h"

namespace aziot::keyd::worker {

// After which a call is given up and its worker killed.
struct Timeouts {
  std::chrono::milliseconds lookup = std::chrono::seconds(10);
  std::chrono::milliseconds use = std::chrono::seconds(30);
  std::chrono::milliseconds creation = std::chrono::seconds(120);
};

struct RemoteOptions {
  BackendLane lane{Lane::Cpu(), 1};
  v1::Setup setup;  // its name is the one of log lines and answers
  Timeouts timeouts;
  // What runs ServeWorker; its title is made of the name.
  std::string executable = "/proc/self/exe";
  std::string argument = "--key-worker";
};

class RemoteBackend final : public KeyBackend {
 public:
  // Starts the worker and waits for it. What its backend was refused with; OK when it died, for the next one
  // may not.
  static absl::StatusOr<std::unique_ptr<RemoteBackend>> Start(RemoteOptions options);

  Lane LaneOf(const KeyId&, Operation) const override { return lane_.lane; }
  std::vector<BackendLane> Lanes() const override { return {lane_}; }

  // All calls: kUnavailable when the worker died, or had to be killed, and repeating the call did not help or
  // could do harm.
  absl::Status CreateKey(const KeyId& id, KeyUsage usage) override;
  absl::Status ImportKey(const KeyId& id, BytesView bytes, KeyUsage usage) override;
  absl::Status LoadKey(const KeyId& id) override;
  absl::Status DeleteKey(const KeyId& id) override;
  absl::StatusOr<Mac> Hmac(const KeyId& id, BytesView message) override;
  absl::StatusOr<bool> VerifyHmac(const KeyId& id, BytesView message, BytesView mac) override;
  absl::StatusOr<Secret> Derive(const KeyId& id, BytesView data) override;
  absl::StatusOr<Bytes> Encrypt(const KeyId& id, const AeadParameters& parameters,
                                BytesView plaintext) override;
  absl::StatusOr<Bytes> Decrypt(const KeyId& id, const AeadParameters& parameters, BytesView blob) override;

  absl::Status CreateKeyPair(const KeyId& id, std::span<const KeyAlgorithm> preferred) override;
  absl::Status LoadKeyPair(const KeyId& id) override;
  absl::Status MoveKeyPair(const KeyId& from, const KeyId& to) override;
  absl::Status DeleteKeyPair(const KeyId& id) override;
  absl::StatusOr<KeyFamily> FamilyOf(const KeyId& id) override;
  absl::StatusOr<Bytes> PublicParameter(const KeyId& id, PairParameter parameter) override;
  absl::StatusOr<Bytes> SignDigest(const KeyId& id, BytesView digest) override;
  absl::StatusOr<Bytes> RsaPrivate(const KeyId& id, RsaPadding padding, BytesView input) override;

 private:
  RemoteBackend(std::string name, BackendLane lane, Timeouts timeouts, Supervisor::Options options,
                LoginRecord record);

  absl::Status Call(v1::Request& request, v1::Answer& answer);
  absl::Status Lost(const v1::Request& request, absl::string_view end) const;
  absl::StatusOr<Bytes> CallForBytes(v1::Request& request);

  const std::string name_;
  const BackendLane lane_;
  const Timeouts timeouts_;
  Supervisor supervisor_;
};

}  // namespace aziot::keyd::worker
