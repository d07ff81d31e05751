// Random calls (who x which principals x which id or handle x what) against a model that says what keyd must
// answer. AZIOT_MODEL_CASES says how many (10^6 is the commitment).
#include <openssl/evp.h>

#include <cstdlib>
#include <random>
#include <vector>

#include "absl/strings/numbers.h"
#include "common/bytes/base64.h"
#include "common/openssl/digest.h"
#include "keyd/service/service_fixture.h"

namespace aziot::keyd {
namespace {

size_t Cases() {
  const char* text = std::getenv("AZIOT_MODEL_CASES");
  size_t cases = 0;
  return text != nullptr && absl::SimpleAtoi(text, &cases) ? cases : 50000;
}

const std::vector<std::string> kIds = {"",
                                       "a",
                                       "ab",
                                       "agent-1",
                                       "agent-12",
                                       "x*y",
                                       "\xe2\x82\xac",
                                       "a\xe2\x82\xac"
                                       "b",
                                       "rsa",
                                       std::string("a\0b", 3),
                                       "handle-validation-key"};
const std::vector<std::string> kPatterns = {"*",    "",     "a",        "a?",  "?",   "agent-*", "a?b",
                                            "a*b*", "*-1?", "handle-*", "x*y", "??*", "*sa"};
const std::vector<uid_t> kUids = {0, 64001, 64002, 64003, 64004};

// One character a number, so that `?` is one of them.
std::vector<uint32_t> Characters(const std::string& text) {
  std::vector<uint32_t> characters;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) == 0x80) {
      characters.back() = characters.back() << 8 | byte;
    } else {
      characters.push_back(byte);
    }
  }
  return characters;
}
bool Matches(std::span<const uint32_t> pattern, std::span<const uint32_t> name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*') {
    return Matches(pattern.subspan(1), name) || (!name.empty() && Matches(pattern, name.subspan(1)));
  }
  return !name.empty() && (pattern[0] == '?' || pattern[0] == name[0]) &&
         Matches(pattern.subspan(1), name.subspan(1));
}

struct Object {
  enum { kKey, kEcPair, kRsaPair } kind;
  std::optional<std::string> bytes;  // of an imported key
  bool is_pair() const { return kind != kKey; }
};

struct KnownHandle {
  enum Kind { kKey, kPair, kDerived, kNested, kInvalid } kind;
  std::string text;
  std::string id;    // of kDerived: the base's
  std::string data;  // of kDerived
};

// What a caller must read; an empty message is not looked at.
struct Expected {
  int http;
  std::string message;
};
const Expected kOk{200, ""};
const Expected kBad{400, kBadParameter};
const Expected kTrouble{500, kInternal};
const Expected kUnprocessable{422, ""};
const Expected kMechanism{400, Invalid("mechanism", "mechanism cannot be used with this key type")};

class ModelTest : public ServiceFixture {
 protected:
  template <class T>
  const T& Any(const std::vector<T>& from) {
    return from[random_() % from.size()];
  }
  bool OneIn(unsigned n) { return random_() % n == 0; }

  void ReplacePrincipals() {
    std::vector<access::Principal> principals;
    allowed_.clear();
    for (const uid_t uid : kUids) {
      for (unsigned i = random_() % 3; i > 0; --i) {
        const std::string& pattern = Any(kPatterns);
        principals.push_back({uid, {pattern}});
        allowed_.emplace(uid, pattern);
      }
    }
    access_.Replace(access::AccessRules(std::move(principals)));
  }
  bool Allowed(uid_t uid, const std::string& id) const {
    if (uid == 0) return true;
    const auto [first, last] = allowed_.equal_range(uid);
    return std::any_of(first, last,
                       [&](const auto& entry) { return Matches(Characters(entry.second), Characters(id)); });
  }
  // OK, or the refusal of an id and of who names it.
  Expected Named(const std::string& id) const {
    if (id.find('\0') != std::string::npos) return {400, Invalid("id", "key id: must be UTF-8 without NUL")};
    if (id == kHandleValidationKey) return {400, Invalid("id", "this id is reserved")};
    return kOk;
  }
  Expected Authorized(uid_t uid, const std::string& id) const {
    if (Allowed(uid, id)) return kOk;
    return {401, absl::StrCat("user ", uid, " is not authorized to access the key ", id)};
  }
  Expected NamedBy(uid_t uid, const std::string& id) const {
    const Expected named = Named(id);
    return named.http == 200 ? Authorized(uid, id) : named;
  }

  // Of a handle that must be of `kind`; nullopt: of any that is valid.
  Expected Opened(const KnownHandle& handle, std::optional<KnownHandle::Kind> kind = std::nullopt) const {
    if (handle.kind == KnownHandle::kInvalid) return {400, Invalid("handle", "invalid handle")};
    if (handle.kind == KnownHandle::kNested) {
      return {400,
              Invalid("handle", "nested derived keys are not supported, import the outer derived key first")};
    }
    if (!kind.has_value() || handle.kind == *kind) return kOk;
    constexpr const char* kNames[] = {"a key", "a key pair", "a derived key"};
    return {400, Invalid("handle", absl::StrCat("handle is not for ", kNames[*kind]))};
  }
  const Object* Find(const std::string& id) const {
    const auto found = objects_.find(id);
    return found == objects_.end() ? nullptr : &found->second;
  }
  // Using what `id` names as a symmetric key, or as a pair.
  Expected UsedAsKey(const std::string& id) const {
    const Object* object = Find(id);
    return object == nullptr || object->is_pair() ? kBad : kOk;
  }
  Expected UsedAsPair(const std::string& id) const {
    const Object* object = Find(id);
    if (object == nullptr) return kBad;
    return object->is_pair() ? kOk : kTrouble;
  }
  // The bytes a symmetric or derived handle stands for, when the model knows them.
  std::optional<std::string> BytesOf(const KnownHandle& handle) const {
    const Object* object = Find(handle.id);
    if (object == nullptr || !object->bytes.has_value()) return std::nullopt;
    if (handle.kind == KnownHandle::kKey) return object->bytes;
    const auto derived = openssl::HmacSha256(ToBytesView(*object->bytes), ToBytesView(handle.data));
    return std::string(derived.begin(), derived.end());
  }

  template <class Reply>
  bool Check(const absl::StatusOr<Reply>& reply, const Expected& expected, const std::string& what) {
    const rpc::WireStatus wire = reply.ok() ? rpc::WireStatus{.http = 200} : rpc::ToWire(reply.status());
    const bool agree =
        wire.http == expected.http && (expected.message.empty() || wire.message == expected.message);
    EXPECT_TRUE(agree) << what << ": expected " << expected.http << " " << expected.message << ", got "
                       << wire.http << " " << wire.message << " (" << reply.status() << ")";
    if (agree) ++seen_[absl::StrCat(what, " ", wire.http)];
    return agree && reply.ok();
  }
  void Keep(KnownHandle handle) {
    if (handles_known_.size() >= 60) handles_known_.erase(handles_known_.begin());
    handles_known_.push_back(std::move(handle));
  }

  void CreateOrImport(uid_t uid) {
    const std::string& id = Any(kIds);
    keys::v1::CreateKeyRequest request;
    request.set_key_id(id);
    const bool good_usage = !OneIn(12);
    request.set_usage(good_usage ? Any<std::string>({"sign", "derive,sign", "encrypt", "sign,sign,encrypt"})
                                 : Any<std::string>({"", "verify", "sign,", "Sign"}));
    const bool imports = OneIn(2);
    std::string bytes(Any<size_t>({0, 1, 32, 32, 32, 64, 65}), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    if (imports) request.set_key_bytes(bytes);

    Expected expected = good_usage ? NamedBy(uid, id) : kUnprocessable;
    if (expected.http == 200 && imports && bytes.empty()) {
      expected = {400, Invalid("keyBytes", "a key has at least one byte")};
    }
    if (expected.http == 200 && Find(id) != nullptr && Find(id)->is_pair()) expected = kBad;
    const auto made = Call(symmetric_keys_, &SymmetricKeys::CreateKey, request, uid);
    if (!Check(made, expected, "CreateKey")) return;
    if (imports) objects_[id] = {Object::kKey, bytes};
    objects_.try_emplace(id, Object{Object::kKey, std::nullopt});
    Keep({KnownHandle::kKey, made->key_handle(), id, ""});
  }
  void MakePair(uid_t uid) {
    const std::string& id = Any(kIds);
    keys::v1::CreateKeyPairRequest request;
    request.set_key_id(id);
    const bool usable = !OneIn(8);
    if (!OneIn(4) || !usable) {
      request.set_preferred_algorithms(usable ? Any<std::string>({"ec-p256", "*", "none:ec-p256:rsa-4096"})
                                              : Any<std::string>({"", "none", "EC-P256", ":"}));
    }
    Expected expected = NamedBy(uid, id);
    if (expected.http == 200 && !usable) {
      expected = {400, Invalid("preferredAlgorithms", "no algorithm in the list is supported")};
    }
    if (expected.http == 200 && Find(id) != nullptr && !Find(id)->is_pair()) expected = kBad;
    const auto made = Call(key_pairs_, &KeyPairs::CreateKeyPair, request, uid);
    if (!Check(made, expected, "CreateKeyPair")) return;
    objects_.try_emplace(id, Object{Object::kEcPair, std::nullopt});
    Keep({KnownHandle::kPair, made->key_handle(), id, ""});
  }
  void Get(uid_t uid) {
    const std::string& id = Any(kIds);
    keys::v1::GetKeyRequest request;
    request.set_id(id);
    const bool pair = OneIn(2);
    Expected expected = NamedBy(uid, id);
    if (expected.http == 200) expected = pair ? UsedAsPair(id) : UsedAsKey(id);
    const auto got = pair ? Call(key_pairs_, &KeyPairs::GetKeyPair, request, uid)
                          : Call(symmetric_keys_, &SymmetricKeys::GetKey, request, uid);
    if (!Check(got, expected, "Get")) return;
    Keep({pair ? KnownHandle::kPair : KnownHandle::kKey, got->key_handle(), id, ""});
  }
  void Delete(uid_t uid) {
    const KnownHandle handle = Any(handles_known_);
    const bool pair = OneIn(2);
    const auto request = WithHandle(handle.text);
    const Expected expected = Opened(handle, pair ? KnownHandle::kPair : KnownHandle::kKey);
    const auto gone = pair ? Call(key_pairs_, &KeyPairs::DeleteKeyPair, request, uid)
                           : Call(symmetric_keys_, &SymmetricKeys::DeleteKey, request, uid);
    if (!Check(gone, expected, "Delete")) return;
    if (Find(handle.id) != nullptr && Find(handle.id)->is_pair() == pair) objects_.erase(handle.id);
  }
  void Move(uid_t uid) {
    const std::string from = Any(kIds);
    const std::string to = Any(kIds);
    keys::v1::MoveRequest request;
    request.set_from(from);
    request.set_to(to);
    Expected expected = kOk;
    if (from == to) expected = {400, "source and destination for move are identical"};
    if (expected.http == 200) expected = Named(from);
    if (expected.http == 200) expected = Named(to);
    if (expected.http == 200) expected = Authorized(uid, from);
    if (expected.http == 200) expected = Authorized(uid, to);
    if (expected.http == 200 && Find(from) == nullptr) expected = kTrouble;
    if (expected.http == 200 && !Find(from)->is_pair()) expected = kBad;
    if (expected.http == 200 && Find(to) != nullptr && !Find(to)->is_pair()) expected = kBad;
    if (!Check(Call(key_pairs_, &KeyPairs::MoveKeyPair, request, uid), expected, "Move")) return;
    objects_[to] = Find(from)[0];
    objects_.erase(from);
  }
  void Parameter(uid_t uid) {
    const KnownHandle handle = Any(handles_known_);
    const std::string name =
        Any<std::string>({"algorithm", "ec-curve-oid", "ec-point", "rsa-modulus", "rsa-exponent", "curve"});
    auto request = WithHandle<keys::v1::GetParameterRequest>(handle.text);
    request.set_name(name);
    Expected expected = Opened(handle);
    if (expected.http == 200 && handle.kind == KnownHandle::kDerived) {
      expected = {400, Invalid("handle", "handle is not for a key pair")};
    }
    if (expected.http == 200 && name == "curve") {
      expected = {400, Invalid("name", "unknown parameter of a key pair")};
    }
    if (expected.http == 200) expected = UsedAsPair(handle.id);
    const bool rsa = Find(handle.id) != nullptr && Find(handle.id)->kind == Object::kRsaPair;
    if (expected.http == 200 && name != "algorithm" && (name[0] == 'r') != rsa) expected = kBad;
    const auto value = Call(key_pairs_, &KeyPairs::GetParameter, request, uid);
    if (!Check(value, expected, "Parameter " + name) || name != "algorithm") return;
    EXPECT_EQ(value->value(), rsa ? "RSA" : "ECDSA");
  }
  void DeriveOrExport(uid_t uid) {
    const KnownHandle handle = Any(handles_known_);
    if (OneIn(2)) {
      keys::v1::CreateDerivedKeyRequest request;
      request.set_base_key_handle(handle.text);
      const std::string data = Any<std::string>({"", "module:gen:primary", std::string("\0\xff", 2)});
      request.set_derivation_data(data);
      Expected expected = Opened(handle);
      if (handle.kind == KnownHandle::kDerived) expected = Opened({KnownHandle::kNested, "", "", ""});
      if (expected.http == 200) expected = Opened(handle, KnownHandle::kKey);
      const auto made = Call(derived_keys_, &DerivedKeys::CreateDerivedKey, request, uid);
      if (Check(made, expected, "Derive")) Keep({KnownHandle::kDerived, made->key_handle(), handle.id, data});
      return;
    }
    Expected expected = Opened(handle, KnownHandle::kDerived);
    if (expected.http == 200) expected = UsedAsKey(handle.id);
    const auto key = Call(derived_keys_, &DerivedKeys::ExportDerivedKey, WithHandle(handle.text), uid);
    if (Check(key, expected, "Export") && BytesOf(handle).has_value()) {
      EXPECT_EQ(key->key(), *BytesOf(handle));
    }
  }
  void Sign(uid_t uid) {
    const KnownHandle handle = Any(handles_known_);
    const std::string algorithm = Any<std::string>({"ECDSA", "HMAC-SHA256", "HMAC-SHA256", "hmac-sha256"});
    auto request = WithHandle<keys::v1::SignRequest>(handle.text);
    request.set_algorithm(algorithm);
    const bool digest = OneIn(2);
    if (digest) {
      request.mutable_parameters()->set_digest(std::string(Any<size_t>({0, 20, 32, 64}), 'd'));
    } else {
      request.mutable_parameters()->set_message("hello");
    }
    const bool ecdsa = algorithm == "ECDSA";
    Expected expected = Opened(handle);
    if (algorithm == "hmac-sha256" || ecdsa != digest) expected = kUnprocessable;
    if (expected.http == 200 && ecdsa != (handle.kind == KnownHandle::kPair)) expected = kMechanism;
    if (expected.http == 200) expected = ecdsa ? UsedAsPair(handle.id) : UsedAsKey(handle.id);
    if (expected.http == 200 && ecdsa && Find(handle.id)->kind == Object::kRsaPair) expected = kBad;
    const auto signature = Call(operations_, &Operations::Sign, request, uid);
    if (!Check(signature, expected, "Sign " + algorithm) || ecdsa || !BytesOf(handle).has_value()) return;
    const auto mac = openssl::HmacSha256(ToBytesView(*BytesOf(handle)), ToBytesView("hello"));
    EXPECT_EQ(signature->signature(), ToText(mac));
  }
  // Of a symmetric or derived handle: whether AES-256-GCM may work with it.
  Expected Encrypts(const KnownHandle& handle, size_t iv) const {
    const Expected used = UsedAsKey(handle.id);
    if (used.http != 200) return used;
    const Object* object = Find(handle.id);
    const bool fits =
        handle.kind == KnownHandle::kDerived || !object->bytes.has_value() || object->bytes->size() == 32;
    return fits && iv >= 1 && iv <= 128 ? kOk : kTrouble;
  }
  void EncryptAndDecrypt(uid_t uid) {
    const KnownHandle handle = Any(handles_known_);
    const std::string algorithm =
        Any<std::string>({"AEAD", "AEAD", "AEAD", "RSA-PKCS1", "RSA-NO-PADDING", "RSA"});
    const size_t iv = Any<size_t>({0, 1, 12, 32, 128, 129});
    const std::string text(Any<size_t>({0, 13, 300}), 't');
    auto request = WithHandle<keys::v1::EncryptRequest>(handle.text);
    request.set_algorithm(algorithm);
    request.set_plaintext(text);
    const bool parameters = !OneIn(6);
    if (parameters) request.mutable_parameters()->set_iv(std::string(iv, 'i'));
    const bool aead = algorithm == "AEAD";
    const bool is_pair = handle.kind == KnownHandle::kPair;
    Expected expected = Opened(handle);
    if (algorithm == "RSA" || (aead && !parameters)) expected = kUnprocessable;
    if (expected.http == 200 && aead == is_pair) expected = kMechanism;
    if (expected.http == 200) expected = aead ? Encrypts(handle, iv) : UsedAsPair(handle.id);
    if (expected.http == 200 && !aead && Find(handle.id)->kind != Object::kRsaPair) expected = kBad;
    // At most 245 bytes for PKCS#1, exactly 256 without padding.
    if (expected.http == 200 && !aead && (algorithm == "RSA-NO-PADDING" || text.size() > 245)) {
      expected = kTrouble;
    }
    const auto encrypted = Call(operations_, &Operations::Encrypt, request, uid);
    const bool ok = Check(encrypted, expected, "Encrypt " + algorithm);

    auto back = WithHandle<keys::v1::DecryptRequest>(handle.text);
    back.set_algorithm(algorithm);
    if (parameters) *back.mutable_parameters() = request.parameters();
    std::string blob = ok && aead ? encrypted->ciphertext() : std::string(Any<size_t>({0, 16, 40}), '\2');
    if (blob.size() > 17 && OneIn(3)) blob[0] = Any<char>({'\0', '\2', '\3'});
    const bool changed = !ok || !aead || OneIn(3);
    if (changed && !blob.empty()) blob.back() = static_cast<char>(blob.back() ^ 1);
    back.set_ciphertext(blob);
    expected = Opened(handle);
    if (algorithm == "RSA" || (aead && !parameters)) expected = kUnprocessable;
    if (expected.http == 200 && (!aead || is_pair)) expected = kMechanism;
    if (expected.http == 200) expected = UsedAsKey(handle.id);
    if (expected.http == 200 && (blob.size() < 17 || blob[0] != '\2')) expected = kBad;
    if (expected.http == 200) expected = changed ? kTrouble : Encrypts(handle, iv);
    const auto decrypted = Call(operations_, &Operations::Decrypt, back, uid);
    if (!Check(decrypted, expected, "Decrypt " + algorithm)) return;
    EXPECT_EQ(decrypted->plaintext(), text);
  }
  // Handles nobody minted for anybody.
  void Forge() {
    const KnownHandle handle = Any(handles_known_);
    const KeyId reserved = *KeyId::Parse(kHandleValidationKey);
    switch (random_() % 4) {
      case 0: {
        std::string text = handle.text;
        if (text.empty()) return;
        char& c = text[random_() % text.size()];
        c = c == 'A' ? 'B' : 'A';
        Keep({KnownHandle::kInvalid, text, "", ""});
        return;
      }
      case 1:
        Keep({KnownHandle::kInvalid, *foreign_.MintKey(*KeyId::Parse("a")), "", ""});
        return;
      case 2:
        Keep({KnownHandle::kInvalid, *handles_.MintKey(reserved), "", ""});
        return;
      default:
        if (handle.kind != KnownHandle::kDerived) return;
        Keep({KnownHandle::kNested, *handles_.MintDerived(handle.text, ToBytesView("x")), "", ""});
    }
  }

  std::mt19937 random_{20261126};
  testing::FakeBackend foreign_backend_;
  KeyHandles foreign_{foreign_backend_};
  std::multimap<uid_t, std::string> allowed_;
  std::map<std::string, Object> objects_;
  std::vector<KnownHandle> handles_known_;
  std::map<std::string, size_t> seen_;  // answers, by operation and code
};

TEST_F(ModelTest, NothingDiverges) {
  const std::shared_ptr<const MemoryKeyPair> rsa = *MemoryKeyPair::Generate(KeyAlgorithm::kRsa2048);
  Keep({KnownHandle::kInvalid, "", "", ""});
  ReplacePrincipals();
  for (size_t i = 0; i < Cases() && !HasFailure(); ++i) {
    SCOPED_TRACE(absl::StrCat("case ", i));
    if (OneIn(50)) ReplacePrincipals();
    if (OneIn(100)) {
      backend_.Put(*KeyId::Parse("rsa"), rsa);
      objects_["rsa"] = {Object::kRsaPair, std::nullopt};
    }
    if (OneIn(20)) Forge();
    const uid_t uid = Any(kUids);
    switch (random_() % 9) {
      case 0:
        CreateOrImport(uid);
        break;
      case 1:
        MakePair(uid);
        break;
      case 2:
        Get(uid);
        break;
      case 3:
        if (OneIn(2)) Delete(uid);
        break;
      case 4:
        Move(uid);
        break;
      case 5:
        Parameter(uid);
        break;
      case 6:
        DeriveOrExport(uid);
        break;
      case 7:
        Sign(uid);
        break;
      default:
        EncryptAndDecrypt(uid);
    }
  }
  // A model that hardly lets anything succeed, or fail, would prove little.
  for (const char* answer : {"CreateKey 200",
                             "CreateKey 400",
                             "CreateKey 401",
                             "CreateKeyPair 200",
                             "CreateKeyPair 401",
                             "Get 200",
                             "Get 400",
                             "Get 401",
                             "Get 500",
                             "Delete 200",
                             "Delete 400",
                             "Move 200",
                             "Move 400",
                             "Move 401",
                             "Move 500",
                             "Parameter algorithm 200",
                             "Derive 200",
                             "Derive 400",
                             "Export 200",
                             "Sign ECDSA 200",
                             "Sign HMAC-SHA256 200",
                             "Sign HMAC-SHA256 400",
                             "Encrypt AEAD 200",
                             "Encrypt AEAD 500",
                             "Encrypt RSA-PKCS1 200",
                             "Decrypt AEAD 200",
                             "Decrypt AEAD 400",
                             "Decrypt AEAD 500"}) {
    EXPECT_GT(seen_[answer], Cases() / 5000) << answer;
  }
}

}  // namespace
}  // namespace aziot::keyd
