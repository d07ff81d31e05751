#include "keyd/backend/tpm2/tpm_backend.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/openssl/digest.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"
#include "keyd/backend/tpm2/key_templates.h"
#include "keyd/backend/tpm2/type1_padding.h"

namespace aziot::keyd::tpm2 {
namespace {

constexpr size_t kNewKeyBytes = 32;
constexpr absl::string_view kLane = "tpm";

std::string Named(const KeyId& id) { return absl::StrCat("key \"", id.value(), "\""); }

}  // namespace

std::unique_ptr<TpmBackend> TpmBackend::Open(TpmBackendOptions options) {
  std::map<std::string, std::string> paths;
  std::map<std::string, TPM2_HANDLE> handles;
  for (const auto& [id, object] : options.preloaded) {
    if (const auto* path = std::get_if<std::string>(&object)) {
      paths.emplace(id, *path);
    } else {
      handles.emplace(id, std::get<uint32_t>(object));
    }
  }
  std::unique_ptr<TpmBackend> backend(
      new TpmBackend(std::move(options), std::move(paths), std::move(handles)));
  backend->blobs_.ClearLeftovers();
  return backend;
}

std::vector<BackendLane> TpmBackend::Lanes() const { return {{Lane::Named(kLane), 1}}; }

Lane TpmBackend::LaneOf(const KeyId& id, Operation operation) const {
  const Lane tpm = Lane::Named(kLane);
  if (operation == Operation::kDelete || operation == Operation::kMove) return Lane::Peers();
  if (operation == Operation::kImportKey) return tpm;
  Key key;
  BlobStore::Known known = BlobStore::Known::kUnknown;
  if (IsPersistent(id)) {
    const std::lock_guard lock(mutex_);
    const auto it = persistent_.find(id.value());
    if (it != persistent_.end()) key = it->second;
  } else {
    known = blobs_.Look(id, &key);
    if (blobs_.MaySync()) return tpm;
  }
  switch (operation) {
    case Operation::kLoad:
    case Operation::kCreateKey:
    case Operation::kCreateEcPair:
    case Operation::kCreateRsaPair:
      if (known == BlobStore::Known::kAbsent && operation == Operation::kLoad) return Lane::Inline();
      return key != nullptr && key->proven() ? Lane::Inline() : tpm;
    case Operation::kParameter:
      return IsPersistent(id) && key == nullptr ? tpm : Lane::Inline();
    default:
      return known == BlobStore::Known::kAbsent ? Lane::Inline() : tpm;
  }
}

absl::Status TpmBackend::CheckOwn(const KeyId& id) const {
  if (!IsPersistent(id)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      Named(id), " is preloaded at a handle of the TPM, and not ours to change: use tpm2_evictcontrol"));
}

absl::StatusOr<TpmBackend::Key> TpmBackend::AtHandle(const KeyId& id) {
  {
    const std::lock_guard lock(mutex_);
    const auto it = persistent_.find(id.value());
    if (it != persistent_.end()) return it->second;
  }
  ASSIGN_OR_RETURN(Key key, keys_.ReadHandle(handles_.at(id.value())));
  const std::lock_guard lock(mutex_);
  return persistent_.insert_or_assign(id.value(), std::move(key)).first->second;
}

absl::StatusOr<TpmBackend::Key> TpmBackend::Find(const KeyId& id) {
  if (IsPersistent(id)) return AtHandle(id);
  ASSIGN_OR_RETURN(const Blob blob, blobs_.Read(id));
  if (blob.key == nullptr) return Annotate(blob.fault, Named(id));
  return blob.key;
}

absl::StatusOr<TpmBackend::Key> TpmBackend::Find(const KeyId& id, Want want) {
  ASSIGN_OR_RETURN(Key key, Find(id));
  const auto refuse = [&](absl::string_view is) {
    return absl::InvalidArgumentError(absl::StrCat("\"", id.value(), "\" is ", is));
  };
  if (want == Want::kPair && !key->is_pair()) return refuse("a key, not a key pair");
  if (want != Want::kPair && key->is_pair()) return refuse("a key pair, not a key");
  if (want == Want::kSign && key->kind() != TpmKey::Kind::kSign) return refuse("a key to encrypt with");
  if (want == Want::kSealed && key->kind() != TpmKey::Kind::kSealed) return refuse("a key to sign with");
  return key;
}

absl::Status TpmBackend::Prove(const KeyId& id, const TpmKey& key) {
  if (key.proven()) return absl::OkStatus();
  return Annotate(keys_.Prove(key), Named(id));
}

absl::StatusOr<TpmBackend::Key> TpmBackend::FindToKeep(const KeyId& id, Want want) {
  if (!IsPersistent(id)) {
    const absl::StatusOr<Blob> blob = blobs_.Read(id);
    if (absl::IsNotFound(blob.status()) || (blob.ok() && blob->empty)) return Key();
  }
  absl::StatusOr<Key> key = Find(id, want);
  if (IsPersistent(id) && absl::IsNotFound(key.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat(Named(id), ": ", key.status().message(),
                     ", where preloaded_keys says it is: make it persistent there, or remove the entry"));
  }
  RETURN_IF_ERROR(key.status());
  RETURN_IF_ERROR(Prove(id, **key));
  return key;
}

absl::Status TpmBackend::WriteNew(const KeyId& id, const Tss2Key& made, Want want) {
  ASSIGN_OR_RETURN(const std::string pem, FormatTss2Pem(made));
  const std::lock_guard lock(blobs_.changes());
  const absl::StatusOr<Blob> blob = blobs_.Read(id);
  if (!absl::IsNotFound(blob.status()) && !(blob.ok() && blob->empty)) return Find(id, want).status();
  return blobs_.Write(id, pem);
}

template <class Use>
auto TpmBackend::WithKey(const KeyId& id, Want want, Use use) {
  using Result = decltype(use(std::declval<const TpmKey&>()));
  for (bool again = true;; again = false) {
    absl::StatusOr<Key> key = Find(id, want);
    if (!key.ok()) return Result(key.status());
    Result result = use(**key);
    if (result.ok()) return result;
    if (IsPersistent(id)) {
      // What lies at the handle is read anew by the next call.
      const std::lock_guard lock(mutex_);
      persistent_.erase(id.value());
    }
    if (!again || !absl::IsAborted(result.status())) return Result(Annotate(result.status(), Named(id)));
  }
}

// Some TPMs make keys for HMAC and lack the command: asked once, before the first such key is kept.
absl::Status TpmBackend::ProveHmac(const TpmKey& key) {
  {
    const std::lock_guard lock(mutex_);
    if (hmac_proven_) return absl::OkStatus();
  }
  RETURN_IF_ERROR(keys_.Hmac(key, {}).status());
  const std::lock_guard lock(mutex_);
  hmac_proven_ = true;
  return absl::OkStatus();
}

absl::Status TpmBackend::CreateKey(const KeyId& id, KeyUsage usage) {
  if (usage.sign == usage.encrypt) {
    return absl::InvalidArgumentError(
        "a key of the TPM is either to sign and derive with or to encrypt with");
  }
  const Want want = usage.sign ? Want::kSign : Want::kSealed;
  ASSIGN_OR_RETURN(const Key present, FindToKeep(id, want));
  if (present != nullptr) return absl::OkStatus();
  if (usage.encrypt) {
    if (symmetric_ == Symmetric::kFile) return absl::UnimplementedError("tpm_symmetric is file");
    ASSIGN_OR_RETURN(const Tss2Key sealed, keys_.Seal(openssl::RandomSecret(kNewKeyBytes).Expose()));
    return WriteNew(id, sealed, want);
  }
  ASSIGN_OR_RETURN(const Tss2Key made, keys_.CreateHmacKey());
  ASSIGN_OR_RETURN(const Key key, TpmKey::FromFile(made));
  RETURN_IF_ERROR(ProveHmac(*key));
  return WriteNew(id, made, want);
}

absl::Status TpmBackend::ImportKey(const KeyId& id, BytesView bytes, KeyUsage usage) {
  if (bytes.empty()) return absl::InvalidArgumentError("a key has at least one byte");
  if (usage.sign == usage.encrypt) {
    return absl::InvalidArgumentError(
        "a key of the TPM is either to sign and derive with or to encrypt with");
  }
  RETURN_IF_ERROR(CheckOwn(id));
  RETURN_IF_ERROR(FindToKeep(id, Want::kSymmetric).status());
  if (usage.encrypt && symmetric_ == Symmetric::kFile) {
    return absl::UnimplementedError("tpm_symmetric is file");
  }
  if (usage.encrypt && bytes.size() > kMostSealedBytes) {
    return absl::UnimplementedError(absl::StrCat("the TPM seals at most ", kMostSealedBytes, " bytes"));
  }
  ASSIGN_OR_RETURN(const Tss2Key made, usage.sign ? keys_.ImportHmacKey(bytes) : keys_.Seal(bytes));
  if (usage.sign) {
    ASSIGN_OR_RETURN(const Key key, TpmKey::FromFile(made));
    RETURN_IF_ERROR(ProveHmac(*key));
  }
  ASSIGN_OR_RETURN(const std::string pem, FormatTss2Pem(made));
  const std::lock_guard lock(blobs_.changes());
  // A pair may have been made meanwhile.
  const absl::StatusOr<Blob> blob = blobs_.Read(id);
  if (blob.ok() && !blob->empty) RETURN_IF_ERROR(Find(id, Want::kSymmetric).status());
  return blobs_.Write(id, pem);
}

absl::Status TpmBackend::LoadKey(const KeyId& id) {
  ASSIGN_OR_RETURN(const Key key, Find(id, Want::kSymmetric));
  return Prove(id, *key);
}

absl::Status TpmBackend::DeleteKey(const KeyId& id) {
  RETURN_IF_ERROR(CheckOwn(id));
  const std::lock_guard lock(blobs_.changes());
  const absl::StatusOr<Blob> blob = blobs_.Read(id);
  if (absl::IsNotFound(blob.status())) return absl::OkStatus();
  RETURN_IF_ERROR(blob.status());
  const bool is_ours = blob->empty || (blob->key != nullptr && !blob->key->is_pair());
  return is_ours ? blobs_.Remove(id) : absl::OkStatus();
}

absl::StatusOr<Mac> TpmBackend::Hmac(const KeyId& id, BytesView message) {
  return WithKey(id, Want::kSign, [&](const TpmKey& key) { return keys_.Hmac(key, message); });
}

absl::StatusOr<Secret> TpmBackend::Derive(const KeyId& id, BytesView data) {
  return WithKey(id, Want::kSign, [&](const TpmKey& key) { return keys_.Derive(key, data); });
}

absl::StatusOr<Bytes> TpmBackend::Encrypt(const KeyId& id, const AeadParameters& parameters,
                                          BytesView plaintext) {
  ASSIGN_OR_RETURN(const auto key,
                   WithKey(id, Want::kSealed, [&](const TpmKey& sealed) { return keys_.Unseal(sealed); }));
  return key->Encrypt(parameters, plaintext);
}

absl::StatusOr<Bytes> TpmBackend::Decrypt(const KeyId& id, const AeadParameters& parameters, BytesView blob) {
  ASSIGN_OR_RETURN(const auto key,
                   WithKey(id, Want::kSealed, [&](const TpmKey& sealed) { return keys_.Unseal(sealed); }));
  return key->Decrypt(parameters, blob);
}

absl::Status TpmBackend::CreateKeyPair(const KeyId& id, std::span<const KeyAlgorithm> preferred) {
  if (preferred.empty()) return absl::InvalidArgumentError("no algorithm to make a key pair of");
  ASSIGN_OR_RETURN(const Key present, FindToKeep(id, Want::kPair));
  if (present != nullptr) return absl::OkStatus();
  absl::StatusOr<Tss2Key> made;
  for (const KeyAlgorithm algorithm : preferred) {
    made = keys_.CreatePair(algorithm);
    if (!absl::IsUnimplemented(made.status())) break;
  }
  RETURN_IF_ERROR(made.status());
  return WriteNew(id, *made, Want::kPair);
}

absl::Status TpmBackend::LoadKeyPair(const KeyId& id) {
  ASSIGN_OR_RETURN(const Key key, Find(id, Want::kPair));
  return Prove(id, *key);
}

absl::Status TpmBackend::MoveKeyPair(const KeyId& from, const KeyId& to) {
  RETURN_IF_ERROR(CheckOwn(from));
  RETURN_IF_ERROR(CheckOwn(to));
  ASSIGN_OR_RETURN(const std::string from_path, blobs_.PathOf(from));
  ASSIGN_OR_RETURN(const std::string to_path, blobs_.PathOf(to));
  if (from_path == to_path) return absl::InvalidArgumentError("both ids name one file");
  const std::lock_guard lock(blobs_.changes());
  RETURN_IF_ERROR(Find(from, Want::kPair).status());
  // A damaged or foreign pair may be replaced: whoever moves has a better one.
  if (const absl::StatusOr<Key> target = Find(to, Want::kPair); absl::IsInvalidArgument(target.status())) {
    return target.status();
  }
  return blobs_.Rename(from, to);
}

absl::Status TpmBackend::DeleteKeyPair(const KeyId& id) {
  RETURN_IF_ERROR(CheckOwn(id));
  const std::lock_guard lock(blobs_.changes());
  const absl::StatusOr<Blob> blob = blobs_.Read(id);
  if (absl::IsNotFound(blob.status())) return absl::OkStatus();
  RETURN_IF_ERROR(blob.status());
  const bool is_symmetric = blob->key != nullptr && !blob->key->is_pair();
  return is_symmetric ? absl::OkStatus() : blobs_.Remove(id);
}

absl::StatusOr<KeyFamily> TpmBackend::FamilyOf(const KeyId& id) {
  ASSIGN_OR_RETURN(const Key key, Find(id, Want::kPair));
  return *key->family();
}

absl::StatusOr<Bytes> TpmBackend::PublicParameter(const KeyId& id, PairParameter parameter) {
  ASSIGN_OR_RETURN(const Key key, Find(id, Want::kPair));
  return key->PublicParameter(parameter);
}

absl::StatusOr<Bytes> TpmBackend::SignDigest(const KeyId& id, BytesView digest) {
  return WithKey(id, Want::kPair, [&](const TpmKey& key) -> absl::StatusOr<Bytes> {
    if (key.family() != KeyFamily::kEc) return absl::InvalidArgumentError("the key pair is no EC pair");
    return keys_.Sign(key, digest);
  });
}

absl::StatusOr<Bytes> TpmBackend::RsaPrivate(const KeyId& id, RsaPadding padding, BytesView input) {
  return WithKey(id, Want::kPair, [&](const TpmKey& key) -> absl::StatusOr<Bytes> {
    if (key.family() != KeyFamily::kRsa) return absl::InvalidArgumentError("the key pair is no RSA pair");
    const BytesView modulus(key.area().unique.rsa.buffer, key.area().unique.rsa.size);
    const size_t size = modulus.size();
    if (padding == RsaPadding::kPkcs1) {
      ASSIGN_OR_RETURN(const Bytes padded, PadType1(input, size));
      return keys_.RsaPrivate(key, padded);
    }
    if (input.size() != size) {
      return absl::InternalError(
          absl::StrCat("the private operation takes ", size, " bytes, not ", input.size()));
    }
    // TPMs differ in what they make of a larger number.
    if (!std::lexicographical_compare(input.begin(), input.end(), modulus.begin(), modulus.end())) {
      return absl::InternalError("the input of the private operation is not below the modulus");
    }
    return keys_.RsaPrivate(key, input);
  });
}

}  // namespace aziot::keyd::tpm2
