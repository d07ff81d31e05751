// Keys of one PKCS#11 token (keys-service.md, section 10). Meant to run in a worker process, for modules are
// foreign code; but it is an ordinary, thread-safe KeyBackend.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "common/bytes/secret.h"
#include "common/uri/uri.h"
#include "keyd/backend/key_backend.h"
#include "keyd/backend/name_locks.h"
#include "keyd/backend/pkcs11/capabilities.h"
#include "keyd/backend/pkcs11/object_cache.h"
#include "keyd/backend/pkcs11/object_name.h"
#include "keyd/backend/pkcs11/objects.h"
#include "keyd/backend/pkcs11/token.h"

namespace aziot::keyd::pkcs11 {

struct TokenOptions {
  std::string module_path;
  uri::Pkcs11Uri token;  // token or slot-id, manufacturer, model, serial; the rest is not looked at
  std::optional<Secret> pin_value;
  std::optional<std::string> pin_source;  // path; beats pin_value, read at each login
  bool pin_refused_before = false;        // what pin_refused() said in the life before this one
  std::function<void(LoginEvent)> observe_login;
  bool creates = true;                          // holds keys that are not preloaded
  std::map<std::string, ObjectName> preloaded;  // key id to its object
  int lane_threads = 4;
  std::chrono::milliseconds absence_counts{500};  // how long a key that was not found is taken to be absent
};

class TokenBackend final : public KeyBackend {
 public:
  // Opens nothing: a token that is away at start is used as soon as it is there.
  explicit TokenBackend(TokenOptions options);

  // Whether the token refused the PIN, which is therefore not tried again.
  bool pin_refused() const { return token_.pin_refused(); }

  Lane LaneOf(const KeyId& id, Operation operation) const override;
  std::vector<BackendLane> Lanes() const override;

  absl::Status CreateKey(const KeyId& id, KeyUsage usage) override;
  absl::Status ImportKey(const KeyId& id, BytesView bytes, KeyUsage usage) override;
  absl::Status LoadKey(const KeyId& id) override;
  absl::Status DeleteKey(const KeyId& id) override;
  absl::StatusOr<Mac> Hmac(const KeyId& id, BytesView message) override;
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
  using SecretBody = absl::FunctionRef<absl::Status(Session&, const SecretKeyObject&)>;
  using PairBody = absl::FunctionRef<absl::Status(Session&, const KeyPairObject&)>;

  // What the id's object is called. kNotFound when no key of that id can lie here.
  absl::StatusOr<ObjectName> NameOf(const KeyId& id) const;
  // The same for a new object: kUnimplemented when this token takes no new keys.
  absl::StatusOr<ObjectName> NewNameOf(const KeyId& id) const;
  // The same for a change; kInvalidArgument when the name could mean any object.
  absl::StatusOr<ObjectName> ExactNameOf(const KeyId& id) const;

  // Token::Run; what fails names the key.
  absl::Status Run(const KeyId& id, absl::FunctionRef<absl::Status(Session&)> body);
  // Run with the key found before, once per key where handles last.
  absl::Status WithKey(const KeyId& id, SecretBody body);
  absl::Status WithPair(const KeyId& id, PairBody body);
  absl::Status TryPair(const KeyId& id, const ObjectName& name, PairBody body);

  absl::Status CreateKeyNow(Session& session, const ObjectName& name, SecretKind kind);
  absl::Status ImportKeyNow(Session& session, const ObjectName& name, SecretKind kind, BytesView bytes);
  absl::Status CreatePairNow(Session& session, const ObjectName& name,
                             std::span<const KeyAlgorithm> preferred);
  // Once per life, and again after a move that failed: moves that a kill cut short are ended.
  void EndCutMoves();

  TokenOptions options_;  // never changed after construction
  Token token_;
  // By object name. Never taken inside Token::Run, whose remedies wait for its callers.
  NameLocks locks_;
  Capabilities capabilities_;
  ObjectCache<SecretKeyObject> keys_;
  ObjectCache<KeyPairObject> pairs_;
  std::atomic<bool> cut_moves_ = true;  // there may be some
};

}  // namespace aziot::keyd::pkcs11
