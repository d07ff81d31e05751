// TokenBackend's symmetric keys.
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "keyd/backend/pkcs11/aead.h"
#include "keyd/backend/pkcs11/ckr.h"
#include "keyd/backend/pkcs11/templates.h"
#include "keyd/backend/pkcs11/token_backend.h"

namespace aziot::keyd::pkcs11 {
namespace {

absl::StatusOr<SecretKind> KindOf(KeyUsage usage) {
  if (usage.sign && usage.encrypt) {
    return absl::InvalidArgumentError("a key on a token either signs and derives, or encrypts");
  }
  return usage.encrypt ? SecretKind::kAes : SecretKind::kHmac;
}

absl::Status CheckKind(const SecretKeyObject& key, SecretKind wanted) {
  const bool is_aes = key.type == CKK_AES;
  if (is_aes == (wanted == SecretKind::kAes)) return absl::OkStatus();
  return absl::InvalidArgumentError(is_aes ? "the key was made to encrypt, and not to sign or derive"
                                           : "the key was made to sign and derive, and not to encrypt");
}

absl::Status CheckNoPair(Session& session, const ObjectName& name) {
  ASSIGN_OR_RETURN(const auto pairs, FindObjects(session, CKO_PRIVATE_KEY, name));
  if (pairs.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("the id holds a key pair, not a key");
}

// CKA_LABEL and CKA_ID of a new object that is to count more than those in `others`.
Template Naming(const ObjectName& name, const std::vector<FoundObject>& others) {
  uint64_t newest = 0;
  for (const FoundObject& other : others) {
    if (const auto number = NumberOfMarker(other.id)) newest = std::max(newest, *number + 1);
  }
  Template naming;
  if (name.label.has_value()) naming.Text(CKA_LABEL, *name.label);
  if (name.id.has_value()) {
    naming.Text(CKA_ID, *name.id);
  } else {
    naming.Add(CKA_ID, NewMarker(newest));
  }
  return naming;
}

absl::StatusOr<CK_OBJECT_HANDLE> Generate(Session& session, const ObjectName& name, SecretKind kind) {
  CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
  absl::Status status;
  for (const GenerationTemplate& tried : GenerationTemplatesOf(kind)) {
    status = MakeWithWishes(Naming(name, {}), [&](const Template& naming, const Template& secrecy) {
      auto generated =
          session.GenerateKey(tried.mechanism, Template().With(tried.key).With(naming).With(secrecy));
      if (generated.ok()) made = *generated;
      return generated.status();
    });
    if (status.ok()) return made;
    if (!absl::IsUnimplemented(status)) return status;
  }
  return absl::UnimplementedError(absl::StrCat("the token makes no such keys (", status.message(), ")"));
}

// keys-service.md, section 10: whatever a token has against an import, the next place may take it. What is
// the matter with the session or the token says nothing about the import.
absl::Status ImportRefused(Session& session, const absl::Status& failure) {
  const auto code = CkrOf(failure);
  const bool says_nothing =
      !code.has_value() || (RemedyFor(*code) != Remedy::kNone && !(IsVague(*code) && session.Check().ok()));
  if (says_nothing) return failure;
  return absl::UnimplementedError(absl::StrCat("the token takes no such key (", failure.message(), ")"));
}

absl::Status DestroyAll(Session& session, const std::vector<FoundObject>& objects) {
  for (const FoundObject& object : objects) RETURN_IF_ERROR(session.Destroy(object.handle));
  return absl::OkStatus();
}

}  // namespace

absl::Status TokenBackend::WithKey(const KeyId& id, SecretBody body) {
  ASSIGN_OR_RETURN(const ObjectName name, NameOf(id));
  if (keys_.IsKnownAbsent(id)) return absl::NotFoundError("there is no such secret key on the token");
  return Run(id, [&](Session& session) -> absl::Status {
    const uint64_t generation = token_.generation();
    auto key = keys_.Find(id, generation);
    if (key == nullptr) {
      const auto ticket = keys_.Begin(generation);
      auto found = FindSecretKey(session, name);
      if (absl::IsNotFound(found.status()) && !CkrOf(found.status()).has_value()) keys_.PutAbsent(id, ticket);
      RETURN_IF_ERROR(found.status());
      key = std::make_shared<const SecretKeyObject>(*found);
      keys_.Put(id, key, ticket);
    }
    return body(session, *key);
  });
}

absl::Status TokenBackend::CreateKeyNow(Session& session, const ObjectName& name, SecretKind kind) {
  const std::optional<absl::Status> known = capabilities_.Of(kind);
  ASSIGN_OR_RETURN(const auto held, FindObjects(session, CKO_SECRET_KEY, name));
  RETURN_IF_ERROR(CheckNoPair(session, name));
  CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
  if (!held.empty()) {
    key = held.front().handle;
    ASSIGN_OR_RETURN(const CK_KEY_TYPE type, KeyTypeOf(session, key));
    RETURN_IF_ERROR(CheckKind({key, type}, kind));
    // One of ours may be what a kill left unproven.
    if (known.has_value() || !NumberOfMarker(held.front().id).has_value()) return absl::OkStatus();
  } else {
    if (known.has_value()) RETURN_IF_ERROR(*known);
    auto made = Generate(session, name, kind);
    if (!made.ok()) capabilities_.Remember(kind, made.status());
    RETURN_IF_ERROR(made.status());
    if (known.has_value()) return absl::OkStatus();
    key = *made;
  }
  const absl::Status proof = Prove(session, kind, key, std::nullopt);
  if (absl::IsUnimplemented(proof)) RETURN_IF_ERROR(session.Destroy(key));
  capabilities_.Remember(kind, proof);
  return proof;
}

absl::Status TokenBackend::CreateKey(const KeyId& id, KeyUsage usage) {
  ASSIGN_OR_RETURN(const SecretKind kind, KindOf(usage));
  ASSIGN_OR_RETURN(const ObjectName name, NewNameOf(id));
  const NameLocks::Guard guard = locks_.Lock(LockOf(name));
  const absl::Status status = Run(id, [&](Session& session) { return CreateKeyNow(session, name, kind); });
  keys_.Forget(id);
  return status;
}

absl::Status TokenBackend::ImportKeyNow(Session& session, const ObjectName& name, SecretKind kind,
                                        BytesView bytes) {
  RETURN_IF_ERROR(CheckNoPair(session, name));
  ASSIGN_OR_RETURN(const auto replaced, FindObjects(session, CKO_SECRET_KEY, name));
  CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
  const Template value = ImportTemplate(kind, bytes);
  const absl::Status created =
      MakeWithWishes(Naming(name, replaced), [&](const Template& naming, const Template& secrecy) {
        auto made = session.Create(Template().With(value).With(naming).With(secrecy));
        if (made.ok()) key = *made;
        return made.status();
      });
  if (!created.ok()) return ImportRefused(session, created);
  const absl::Status proof = Prove(session, kind, key, bytes);
  if (absl::IsUnimplemented(proof)) RETURN_IF_ERROR(session.Destroy(key));
  RETURN_IF_ERROR(proof);
  return DestroyAll(session, replaced);
}

absl::Status TokenBackend::ImportKey(const KeyId& id, BytesView bytes, KeyUsage usage) {
  if (bytes.empty()) return absl::InvalidArgumentError("a key has at least one byte");
  ASSIGN_OR_RETURN(const SecretKind kind, KindOf(usage));
  ASSIGN_OR_RETURN(const ObjectName name, NewNameOf(id));
  const NameLocks::Guard guard = locks_.Lock(LockOf(name));
  const absl::Status status =
      Run(id, [&](Session& session) { return ImportKeyNow(session, name, kind, bytes); });
  keys_.Forget(id);
  return status;
}

absl::Status TokenBackend::LoadKey(const KeyId& id) {
  return WithKey(id, [](Session& session, const SecretKeyObject& key) {
    return KeyTypeOf(session, key.handle).status();
  });
}

absl::Status TokenBackend::DeleteKey(const KeyId& id) {
  auto name = ExactNameOf(id);
  if (absl::IsNotFound(name.status())) return absl::OkStatus();
  RETURN_IF_ERROR(name.status());
  const NameLocks::Guard guard = locks_.Lock(LockOf(*name));
  const absl::Status status = Run(id, [&](Session& session) -> absl::Status {
    ASSIGN_OR_RETURN(const auto held, FindObjects(session, CKO_SECRET_KEY, *name));
    return DestroyAll(session, held);
  });
  keys_.Forget(id);
  return status;
}

absl::StatusOr<Mac> TokenBackend::Hmac(const KeyId& id, BytesView message) {
  Mac mac;
  RETURN_IF_ERROR(WithKey(id, [&](Session& session, const SecretKeyObject& key) -> absl::Status {
    RETURN_IF_ERROR(CheckKind(key, SecretKind::kHmac));
    return session.SignInto(CKM_SHA256_HMAC, key.handle, message, mac);
  }));
  return mac;
}

absl::StatusOr<Secret> TokenBackend::Derive(const KeyId& id, BytesView data) {
  Secret derived = Secret::OfSize(sizeof(Mac));
  RETURN_IF_ERROR(WithKey(id, [&](Session& session, const SecretKeyObject& key) -> absl::Status {
    RETURN_IF_ERROR(CheckKind(key, SecretKind::kHmac));
    return session.SignInto(CKM_SHA256_HMAC, key.handle, data, derived.ExposeForWriting());
  }));
  return derived;
}

absl::StatusOr<Bytes> TokenBackend::Encrypt(const KeyId& id, const AeadParameters& parameters,
                                            BytesView plaintext) {
  Bytes blob;
  RETURN_IF_ERROR(WithKey(id, [&](Session& session, const SecretKeyObject& key) -> absl::Status {
    RETURN_IF_ERROR(CheckKind(key, SecretKind::kAes));
    ASSIGN_OR_RETURN(blob, EncryptBlob(session, key.handle, parameters, plaintext));
    return absl::OkStatus();
  }));
  return blob;
}

absl::StatusOr<Bytes> TokenBackend::Decrypt(const KeyId& id, const AeadParameters& parameters,
                                            BytesView blob) {
  Bytes plaintext;
  RETURN_IF_ERROR(WithKey(id, [&](Session& session, const SecretKeyObject& key) -> absl::Status {
    RETURN_IF_ERROR(CheckKind(key, SecretKind::kAes));
    ASSIGN_OR_RETURN(plaintext, DecryptBlob(session, key.handle, parameters, blob));
    return absl::OkStatus();
  }));
  return plaintext;
}

}  // namespace aziot::keyd::pkcs11
