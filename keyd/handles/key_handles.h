// Opaque key handles: minted for an id that a caller may use, checked when they come back. A handle is a
// bearer capability, signed with a key of keyd's own that lies in the backend like any other and that no
// caller can name. Where that key is in a token or a TPM, handles that were checked are remembered for a
// while: else every call would cost the device two operations.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/bytes/bytes.h"
#include "common/ids/id.h"
#include "common/ids/lane.h"
#include "keyd/backend/key_backend.h"
#include "keyd/handles/handle.h"
#include "keyd/handles/handle_text.h"
#include "keyd/handles/known_handles.h"

namespace aziot::keyd {

// The id of the key that signs handles: reserved.
constexpr absl::string_view kHandleValidationKey = "handle-validation-key";

// Thread-safe.
class KeyHandles {
 public:
  using Random = std::function<Bytes(size_t)>;

  // `backend` must outlive this. `random` gives the nonces; by default openssl::RandomBytes.
  explicit KeyHandles(KeyBackend& backend);
  KeyHandles(KeyBackend& backend, Random random);

  // Where minting may run: the first handle of all makes the validation key.
  Lane MintLane() const;
  // Where Open may run.
  Lane OpenLane() const { return backend_.LaneOf(validation_key_, Operation::kHmac); }

  // kInternal when the validation key cannot be made or used.
  absl::StatusOr<std::string> MintKeyPair(const KeyId& id) { return Mint(PairName{id}); }
  absl::StatusOr<std::string> MintKey(const KeyId& id) { return Mint(KeyName{id}); }
  // `base_handle` has been opened and names a key.
  absl::StatusOr<std::string> MintDerived(absl::string_view base_handle, BytesView data) {
    return Mint(DerivedName{std::string(base_handle), {data.begin(), data.end()}});
  }

  // kInvalidArgument, with the cause for the caller, for what this device did not mint and for a derived key
  // of a derived key; kInternal when the validation key cannot be used.
  absl::StatusOr<Handle> Open(absl::string_view handle);
  // What Open said of it not long ago; never blocks.
  std::optional<Handle> Recall(absl::string_view handle) const { return known_.Find(handle); }

 private:
  using Name = decltype(HandlePayload::name);

  absl::StatusOr<std::string> Mint(Name name);
  absl::StatusOr<Mac> Sign(BytesView payload);
  absl::StatusOr<HandlePayload> Verify(absl::string_view handle);
  // What a payload that was verified stands for.
  absl::StatusOr<Handle> Named(HandlePayload payload);
  // Whether something that is no symmetric key, usable or not, stands in the validation key's place.
  bool IsTakenByAPair() const;

  KeyBackend& backend_;
  const Random random_;
  const KeyId validation_key_;
  std::atomic<bool> has_validation_key_ = false;
  KnownHandles known_;
};

}  // namespace aziot::keyd
