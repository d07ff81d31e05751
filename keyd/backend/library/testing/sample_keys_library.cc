// A libaziot_keys.so for tests: keys in files (sample_store.h), OpenSSL, and a close look at the caller. It
// refuses NULL for any buffer, also an empty one, and counts what `sample_report.h` names. Built twice, with
// SAMPLE_VERSION 0x02010000 and 0x02000000.
//
// Parameters:
//   homedir_path             the directory, which must be there; also forgets report, style and fault
//   preloaded_key:<id>       file:///path
//   sample_style = stock     as careless as the reference: takes either kind of file for the other
//   sample_bound = exact     upper bounds are exact, instead of a few bytes more
//   sample_fault = <word>    from then on every function that gives bytes is at fault:
//     code <n>               returns n, as every other function does
//     long_output            says that it wrote one byte more than there was room for
//     huge_bound             announces 2^60 bytes
//     wrong_size             gives one byte less than it should, also of the algorithm
//     abort                  ends the process
//     hang                   never returns
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "keyd/backend/library/testing/sample_crypto.h"
#include "keyd/backend/library/testing/sample_report.h"

#ifndef SAMPLE_VERSION
#define SAMPLE_VERSION AZIOT_KEYS_VERSION_2_1_0_0
#endif
#define SAMPLE_EXPORT extern "C" __attribute__((visibility("default")))

namespace sample {
namespace {

constexpr AZIOT_KEYS_RC kOk = AZIOT_KEYS_RC_OK;
constexpr AZIOT_KEYS_RC kInvalid = AZIOT_KEYS_RC_ERR_INVALID_PARAMETER;
constexpr AZIOT_KEYS_RC kExternal = AZIOT_KEYS_RC_ERR_EXTERNAL;
constexpr char kPreloaded[] = "preloaded_key:";

Store store;
bool stock_style, exact_bounds;
std::string fault;
std::string parameter_names;
std::atomic<unsigned> null_buffers, inside, most_at_once, size_only_calls, algorithm_bounds, operations;

// One call from its beginning to its end.
class Visit {
 public:
  Visit() {
    const unsigned now = ++inside;
    unsigned most = most_at_once;
    while (now > most && !most_at_once.compare_exchange_weak(most, now)) {
    }
  }
  ~Visit() { --inside; }
};

// The code of a fault that concerns every function, or OK.
AZIOT_KEYS_RC FaultCode() {
  if (fault.rfind("code ", 0) == 0) return static_cast<AZIOT_KEYS_RC>(std::atoi(fault.c_str() + 5));
  if (fault == "abort") std::abort();
  while (fault == "hang") pause();
  return kOk;
}

bool IsNull(std::initializer_list<const void*> pointers) {
  bool found = false;
  for (const void* pointer : pointers) {
    if (pointer != nullptr) continue;
    ++null_buffers;
    found = true;
  }
  return found;
}

// The output protocol around `run`, which does the real operation.
AZIOT_KEYS_RC Give(size_t bound, unsigned char* out, uintptr_t* inout_len,
                   const std::function<std::optional<Bytes>()>& run) {
  if (out == nullptr) {
    ++size_only_calls;
    *inout_len = fault == "huge_bound" ? uintptr_t{1} << 60 : exact_bounds ? bound : bound + 7;
    return kOk;
  }
  ++operations;
  const std::optional<Bytes> bytes = run();
  if (!bytes) return kExternal;
  if (*inout_len < bytes->size()) return kInvalid;
  std::copy(bytes->begin(), bytes->end(), out);
  *inout_len = fault == "long_output"  ? *inout_len + 1
               : fault == "wrong_size" ? bytes->size() - 1
                                       : bytes->size();
  return kOk;
}

// The key or pair of an id; with another code than OK, why there is none.
struct FoundKey {
  AZIOT_KEYS_RC code = kOk;
  Bytes bytes;
};
FoundKey FindKey(const char* id) {
  std::optional<Bytes> content = store.Read(id);
  if (!content || (IsPem(*content) && !stock_style)) return {kInvalid, {}};
  if (content->empty()) return {kExternal, {}};
  return {kOk, *std::move(content)};
}

struct FoundPair {
  AZIOT_KEYS_RC code = kOk;
  Pair pair = Pair(nullptr, EVP_PKEY_free);
};
FoundPair FindPair(const char* id) {
  const std::optional<Bytes> content = store.Read(id);
  if (!content || (!IsPem(*content) && !stock_style)) return {.code = kInvalid};
  FoundPair found{.pair = ParsePair(*content)};
  if (found.pair == nullptr) found.code = kExternal;
  return found;
}

// Whether the name is taken by the other kind; the reference does not look.
bool IsTaken(const char* id, bool by_pair) {
  const std::optional<Bytes> content = store.Read(id);
  return content && !content->empty() && IsPem(*content) == by_pair && !stock_style;
}

AZIOT_KEYS_RC SetParameter(const char* name, const char* value) {
  const Visit visit;
  if (IsNull({name}) || value == nullptr) return kInvalid;
  const std::string key = name;
  if (key == "homedir_path") {
    store = Store();
    store.SetHome(value);
    stock_style = exact_bounds = false;
    fault.clear();
    parameter_names.clear();
    null_buffers = most_at_once = size_only_calls = algorithm_bounds = operations = 0;
  }
  parameter_names += key + ",";
  if (key == "homedir_path") return kOk;
  if (key.rfind(kPreloaded, 0) == 0) {
    return store.Bind(key.substr(sizeof kPreloaded - 1), value) ? kOk : kInvalid;
  }
  if (key == "sample_style") {
    stock_style = std::string(value) == "stock";
  } else if (key == "sample_bound") {
    exact_bounds = std::string(value) == "exact";
  } else if (key == "sample_fault") {
    fault = value;
  } else {
    return kInvalid;
  }
  return kOk;
}

AZIOT_KEYS_RC CreateKeyPair(const char* id, const char* preferred_algorithms) {
  const Visit visit;
  if (const AZIOT_KEYS_RC code = FaultCode(); code != kOk) return code;
  if (IsNull({id}) || IsTaken(id, /*by_pair=*/false)) return kInvalid;
  if (FindPair(id).code == kOk) return kOk;
  const Pair pair = Generate(preferred_algorithms == nullptr ? "*" : preferred_algorithms);
  if (pair == nullptr) return kInvalid;
  return store.Write(id, FormatPair(*pair)) ? kOk : kExternal;
}

AZIOT_KEYS_RC LoadKeyPair(const char* id) {
  const Visit visit;
  if (const AZIOT_KEYS_RC code = FaultCode(); code != kOk) return code;
  return IsNull({id}) ? kInvalid : FindPair(id).code;
}

AZIOT_KEYS_RC GetKeyPairParameter(const char* id, AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE type, unsigned char* out,
                                  uintptr_t* inout_len) {
  const Visit visit;
  if (const AZIOT_KEYS_RC code = FaultCode(); code != kOk) return code;
  if (IsNull({id, inout_len})) return kInvalid;
  const FoundPair found = FindPair(id);
  if (found.code != kOk) return found.code;
  if (type == AZIOT_KEYS_KEY_PAIR_PARAMETER_TYPE_ALGORITHM) {
    if (out == nullptr) ++algorithm_bounds;
    return Give(sizeof(unsigned), out, inout_len, [&] {
      const AZIOT_KEYS_KEY_PAIR_PARAMETER_ALGORITHM algorithm =
          IsRsa(*found.pair) ? AZIOT_KEYS_KEY_PAIR_PARAMETER_ALGORITHM_RSA
                             : AZIOT_KEYS_KEY_PAIR_PARAMETER_ALGORITHM_EC;
      Bytes bytes(sizeof algorithm);
      std::memcpy(bytes.data(), &algorithm, sizeof algorithm);
      return bytes;
    });
  }
  const std::optional<Bytes> value = PublicParameter(*found.pair, type);
  if (!value) return kInvalid;
  return Give(value->size(), out, inout_len, [&] { return value; });
}

AZIOT_KEYS_RC CreateKey(const char* id, AZIOT_KEYS_KEY_USAGE usage) {
  const Visit visit;
  if (const AZIOT_KEYS_RC code = FaultCode(); code != kOk) return code;
  if (IsNull({id}) || (usage & ~0x11u) != 0 || IsTaken(id, /*by_pair=*/true)) return kInvalid;
  if (FindKey(id).code == kOk) return kOk;
  Bytes bytes(32);
  RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
  return store.Write(id, bytes) ? kOk : kExternal;
}

AZIOT_KEYS_RC LoadKey(const char* id) {
  const Visit visit;
  if (const AZIOT_KEYS_RC code = FaultCode(); code != kOk) return code;
  return IsNull({id}) ? kInvalid : FindKey(id).code;
}

AZIOT_KEYS_RC ImportKey(const char* id, const unsigned char* bytes, uintptr_t bytes_len,
                        AZIOT_KEYS_KEY_USAGE usage) {
  const Visit visit;
  if (const AZIOT_KEYS_RC code = FaultCode(); code != kOk) return code;
  if (IsNull({id, bytes}) || bytes_len == 0 || (usage & ~0x11u) != 0 || IsTaken(id, /*by_pair=*/true)) {
    return kInvalid;
  }
  return store.Write(id, Bytes(bytes, bytes + bytes_len)) ? kOk : kExternal;
}

AZIOT_KEYS_RC DeriveKey(const char* base_id, const unsigned char* derivation_data,
                        uintptr_t derivation_data_len, unsigned char* out, uintptr_t* inout_len) {
  const Visit visit;
  if (const AZIOT_KEYS_RC code = FaultCode(); code != kOk) return code;
  if (IsNull({base_id, derivation_data, inout_len})) return kInvalid;
  const FoundKey found = FindKey(base_id);
  if (found.code != kOk) return found.code;
  return Give(32, out, inout_len, [&] { return Hmac(found.bytes, {derivation_data, derivation_data_len}); });
}

AZIOT_KEYS_RC Sign(const char* id, AZIOT_KEYS_SIGN_MECHANISM mechanism, const void*,
                   const unsigned char* digest, uintptr_t digest_len, unsigned char* out,
                   uintptr_t* inout_len) {
  const Visit visit;
  if (const AZIOT_KEYS_RC code = FaultCode(); code != kOk) return code;
  if (IsNull({id, digest, inout_len})) return kInvalid;
  if (mechanism == AZIOT_KEYS_SIGN_MECHANISM_HMAC_SHA256) {
    const FoundKey found = FindKey(id);
    if (found.code != kOk) return found.code;
    return Give(32, out, inout_len, [&] { return Hmac(found.bytes, {digest, digest_len}); });
  }
  if (mechanism != AZIOT_KEYS_SIGN_MECHANISM_ECDSA) return kInvalid;
  const FoundPair found = FindPair(id);
  if (found.code != kOk) return found.code;
  if (IsRsa(*found.pair)) return kInvalid;
  return Give(72, out, inout_len, [&] { return Ecdsa(*found.pair, {digest, digest_len}); });
}

AZIOT_KEYS_RC Verify(const char* id, AZIOT_KEYS_SIGN_MECHANISM mechanism, const void*,
                     const unsigned char* digest, uintptr_t digest_len, const unsigned char* signature,
                     uintptr_t signature_len, int* ok) {
  const Visit visit;
  if (const AZIOT_KEYS_RC code = FaultCode(); code != kOk) return code;
  if (IsNull({id, digest, signature, ok}) || mechanism != AZIOT_KEYS_SIGN_MECHANISM_HMAC_SHA256) {
    return kInvalid;
  }
  const FoundKey found = FindKey(id);
  if (found.code != kOk) return found.code;
  ++operations;
  const std::optional<Bytes> mac = Hmac(found.bytes, {digest, digest_len});
  if (!mac) return kExternal;
  // Any number but 0 says yes.
  *ok = signature_len == mac->size() && CRYPTO_memcmp(signature, mac->data(), mac->size()) == 0 ? -2 : 0;
  return kOk;
}

AZIOT_KEYS_RC Encrypt(const char* id, AZIOT_KEYS_ENCRYPT_MECHANISM mechanism, const void* parameters,
                      const unsigned char* plaintext, uintptr_t plaintext_len, unsigned char* out,
                      uintptr_t* inout_len) {
  const Visit visit;
  if (const AZIOT_KEYS_RC code = FaultCode(); code != kOk) return code;
  if (IsNull({id, plaintext, inout_len})) return kInvalid;
  const View text{plaintext, plaintext_len};
  if (mechanism == AZIOT_KEYS_ENCRYPT_MECHANISM_AEAD) {
    if (IsNull({parameters})) return kInvalid;
    const auto& aead = *static_cast<const AZIOT_KEYS_ENCRYPT_AEAD_PARAMETERS*>(parameters);
    if (IsNull({aead.iv, aead.aad})) return kInvalid;
    const FoundKey found = FindKey(id);
    if (found.code != kOk) return found.code;
    return Give(1 + plaintext_len + 16, out, inout_len, [&] {
      return Seal(found.bytes, {aead.iv, aead.iv_len}, {aead.aad, aead.aad_len}, text);
    });
  }
  const bool padded = mechanism == AZIOT_KEYS_ENCRYPT_MECHANISM_RSA_PKCS1;
  if (!padded && mechanism != AZIOT_KEYS_ENCRYPT_MECHANISM_RSA_NO_PADDING) return kInvalid;
  const FoundPair found = FindPair(id);
  if (found.code != kOk) return found.code;
  if (!IsRsa(*found.pair)) return kInvalid;
  return Give(static_cast<size_t>(EVP_PKEY_get_size(found.pair.get())), out, inout_len,
              [&] { return RsaPrivate(*found.pair, padded ? RSA_PKCS1_PADDING : RSA_NO_PADDING, text); });
}

AZIOT_KEYS_RC Decrypt(const char* id, AZIOT_KEYS_ENCRYPT_MECHANISM mechanism, const void* parameters,
                      const unsigned char* ciphertext, uintptr_t ciphertext_len, unsigned char* out,
                      uintptr_t* inout_len) {
  const Visit visit;
  if (const AZIOT_KEYS_RC code = FaultCode(); code != kOk) return code;
  if (IsNull({id, parameters, ciphertext, inout_len}) || mechanism != AZIOT_KEYS_ENCRYPT_MECHANISM_AEAD) {
    return kInvalid;
  }
  const auto& aead = *static_cast<const AZIOT_KEYS_ENCRYPT_AEAD_PARAMETERS*>(parameters);
  if (IsNull({aead.iv, aead.aad})) return kInvalid;
  const FoundKey found = FindKey(id);
  if (found.code != kOk) return found.code;
  const View blob{ciphertext, ciphertext_len};
  if (!IsBlob(blob)) return kInvalid;
  return Give(ciphertext_len - 17, out, inout_len, [&] {
    return Open(found.bytes, {aead.iv, aead.iv_len}, {aead.aad, aead.aad_len}, blob);
  });
}

#if SAMPLE_VERSION == AZIOT_KEYS_VERSION_2_1_0_0

AZIOT_KEYS_RC MoveKeyPair(const char* from, const char* to) {
  const Visit visit;
  if (const AZIOT_KEYS_RC code = FaultCode(); code != kOk) return code;
  if (IsNull({from, to})) return kInvalid;
  if (!stock_style && (FindPair(from).code != kOk || IsTaken(to, /*by_pair=*/false))) return kInvalid;
  return store.Rename(from, to) ? kOk : kExternal;
}

AZIOT_KEYS_RC DeleteKeyPair(const char* id) {
  const Visit visit;
  if (const AZIOT_KEYS_RC code = FaultCode(); code != kOk) return code;
  if (IsNull({id})) return kInvalid;
  return IsTaken(id, /*by_pair=*/false) || store.Remove(id) ? kOk : kExternal;
}

AZIOT_KEYS_RC DeleteKey(const char* id) {
  const Visit visit;
  if (const AZIOT_KEYS_RC code = FaultCode(); code != kOk) return code;
  if (IsNull({id})) return kInvalid;
  return IsTaken(id, /*by_pair=*/true) || store.Remove(id) ? kOk : kExternal;
}

const AZIOT_KEYS_FUNCTION_LIST_2_1_0_0 kList = {{SAMPLE_VERSION},
                                                SetParameter,
                                                CreateKeyPair,
                                                MoveKeyPair,
                                                LoadKeyPair,
                                                GetKeyPairParameter,
                                                DeleteKeyPair,
                                                CreateKey,
                                                LoadKey,
                                                ImportKey,
                                                DeleteKey,
                                                DeriveKey,
                                                Sign,
                                                Verify,
                                                Encrypt,
                                                Decrypt};

#else

const AZIOT_KEYS_FUNCTION_LIST_2_0_0_0 kList = {
    {SAMPLE_VERSION}, SetParameter, CreateKeyPair, LoadKeyPair, GetKeyPairParameter,
    CreateKey,        LoadKey,      ImportKey,     DeriveKey,   Sign,
    Verify,           Encrypt,      Decrypt};

#endif

}  // namespace
}  // namespace sample

SAMPLE_EXPORT AZIOT_KEYS_RC aziot_keys_get_function_list(AZIOT_KEYS_VERSION version,
                                                         const AZIOT_KEYS_FUNCTION_LIST** function_list) {
  if (version != SAMPLE_VERSION) return AZIOT_KEYS_RC_ERR_INVALID_PARAMETER;
  *function_list = &sample::kList.base;
  return AZIOT_KEYS_RC_OK;
}

SAMPLE_EXPORT void sample_keys_report(SampleReport* report) {
  *report = {.null_buffers = sample::null_buffers,
             .most_at_once = sample::most_at_once,
             .size_only_calls = sample::size_only_calls,
             .algorithm_bounds = sample::algorithm_bounds,
             .operations = sample::operations};
  std::strncpy(report->parameters, sample::parameter_names.c_str(), sizeof report->parameters - 1);
}
