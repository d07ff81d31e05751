// SIGNATURE: RSA and ECDSA with a Key. Hashing and encoding happen here, the private operation in keyd;
// verifying and everything about software keys is passed on to libcrypto.
#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "openssl-engine/provider/dispatch.h"
#include "openssl-engine/provider/key.h"
#include "openssl-engine/provider/rsa_encoding.h"
#include "openssl-engine/provider/signature_settings.h"

namespace aziot::openssl_engine {
namespace {

struct Signing {
  const ProviderContext* provider;
  Key key;
  SignatureSettings settings;
  MdCtxPtr hash;  // set between the start and the end of a message
};

Signing& Ref(void* signing) { return *static_cast<Signing*>(signing); }

// Puts a Failure into the error queue, or says that there was none.
template <class T>
bool Ok(const Signing& signing, const Result<T>& result) {
  if (!result.ok()) signing.provider->Raise(result.failure());
  return result.ok();
}

template <KeyType type>
void* NewContext(void* provider, const char* properties) {
  return Guarded<void*>(nullptr, [&] {
    const auto* context = static_cast<const ProviderContext*>(provider);
    auto signing = std::make_unique<Signing>(Signing{context, {context, type, {}, {}}, {}, nullptr});
    signing->settings.type = type;
    if (properties != nullptr) signing->settings.properties = properties;
    return signing.release();
  });
}

void FreeContext(void* signing) { delete static_cast<Signing*>(signing); }

// X509_sign and its like work on a copy of the context they were given.
void* DupContext(void* signing) {
  return Guarded<void*>(nullptr, [&]() -> void* {
    const Signing& from = Ref(signing);
    auto copy =
        std::make_unique<Signing>(Signing{from.provider, from.key.Copy(), from.settings.Copy(), nullptr});
    if (from.hash != nullptr) {
      copy->hash.reset(EVP_MD_CTX_new());
      if (copy->hash == nullptr || EVP_MD_CTX_copy_ex(copy->hash.get(), from.hash.get()) != 1) return nullptr;
    }
    return copy.release();
  });
}

int Init(void* context, void* key, const OSSL_PARAM params[]) {
  return Guarded(0, [&] {
    Signing& signing = Ref(context);
    signing.hash.reset();
    if (key != nullptr) signing.key = static_cast<const Key*>(key)->Copy();
    if (signing.key.pkey == nullptr) {
      signing.provider->Raise({Reason::kInvalidInput, "no key to sign or verify with"});
      return 0;
    }
    return static_cast<int>(Ok(signing, signing.settings.Set(*signing.provider, params, false)));
  });
}

// Any libcrypto from 3.0 on: a null or empty name means the default.
int MessageInit(void* context, const char* digest, void* key, const OSSL_PARAM params[]) {
  return Guarded(0, [&] {
    Signing& signing = Ref(context);
    if (Init(context, key, params) != 1) return 0;
    const bool named = digest != nullptr && *digest != '\0';
    if (named || signing.settings.md == nullptr) {
      if (!Ok(signing, signing.settings.SetDigest(*signing.provider, named ? digest : "SHA256"))) return 0;
    }
    signing.hash.reset(EVP_MD_CTX_new());
    return static_cast<int>(signing.hash != nullptr &&
                            EVP_DigestInit_ex(signing.hash.get(), signing.settings.md.get(), nullptr) == 1);
  });
}

int MessageUpdate(void* context, const unsigned char* data, size_t size) {
  const Signing& signing = Ref(context);
  return signing.hash != nullptr && EVP_DigestUpdate(signing.hash.get(), data, size) == 1;
}

Result<Bytes> SignRemotely(const Signing& signing, BytesView input) {
  const SignatureSettings& settings = signing.settings;
  const RemoteKey& remote = *signing.key.remote;
  const EVP_MD* const md = settings.md.get();
  if (md != nullptr && input.size() != static_cast<size_t>(EVP_MD_get_size(md))) {
    return Failure{Reason::kInvalidInput, "the input is not as long as the digest"};
  }
  if (signing.key.type == KeyType::kEc) return remote.SignDigest(input);

  if (settings.padding == RSA_PKCS1_PADDING) {
    if (md == nullptr) return remote.SignPkcs1(input);
    const Result<Bytes> info = EncodeDigestInfo(md, input);
    return info.ok() ? remote.SignPkcs1(*info) : info;
  }
  if (settings.padding == RSA_NO_PADDING) {
    if (md != nullptr) return Failure{Reason::kInvalidInput, "RSA without padding takes no digest"};
    return remote.SignRaw(input);
  }
  if (md == nullptr) return Failure{Reason::kInvalidInput, "PSS needs a digest"};
  EVP_PKEY* const public_key = remote.public_key();
  const Result<size_t> salt = settings.ResolveSaltLength(public_key);
  if (!salt.ok()) return salt.failure();
  const EVP_MD* const mask = settings.mgf1_md != nullptr ? settings.mgf1_md.get() : md;
  const Result<Bytes> encoded =
      EncodePss(signing.provider->software(), md, mask, input, *salt, EVP_PKEY_get_bits(public_key));
  return encoded.ok() ? remote.SignRaw(*encoded) : encoded;
}

// Libcrypto's own context for this key, ready for one operation.
PkeyCtxPtr NewSoftwareContext(const Signing& signing, int (*init)(EVP_PKEY_CTX*)) {
  PkeyCtxPtr ctx = signing.key.NewContext();
  if (ctx == nullptr || init(ctx.get()) <= 0 || !signing.settings.Apply(ctx.get())) return nullptr;
  return ctx;
}

int Sign(void* context, unsigned char* signature, size_t* size, size_t capacity, const unsigned char* input,
         size_t input_size) {
  return Guarded(0, [&] {
    const Signing& signing = Ref(context);
    if (signing.key.pkey == nullptr) return 0;
    const size_t most = static_cast<size_t>(EVP_PKEY_get_size(signing.key.pkey.get()));
    if (signature == nullptr) {
      *size = most;
      return 1;
    }
    if (signing.key.remote == nullptr) {
      const PkeyCtxPtr ctx = NewSoftwareContext(signing, EVP_PKEY_sign_init);
      *size = capacity;
      return static_cast<int>(ctx != nullptr &&
                              EVP_PKEY_sign(ctx.get(), signature, size, input, input_size) > 0);
    }
    // Asked before keyd signs: an answer that does not fit would be lost.
    if (capacity < most) {
      signing.provider->Raise({Reason::kInvalidInput, "the buffer is too small for the signature"});
      return 0;
    }
    const Result<Bytes> made = SignRemotely(signing, {input, input_size});
    if (!Ok(signing, made)) return 0;
    if (made->size() > capacity) {
      signing.provider->Raise({Reason::kBadAnswer, "keyd's signature is longer than any with this key"});
      return 0;
    }
    std::copy(made->begin(), made->end(), signature);
    *size = made->size();
    return 1;
  });
}

int Verify(void* context, const unsigned char* signature, size_t size, const unsigned char* input,
           size_t input_size) {
  const Signing& signing = Ref(context);
  const PkeyCtxPtr ctx =
      signing.key.pkey == nullptr ? nullptr : NewSoftwareContext(signing, EVP_PKEY_verify_init);
  return ctx != nullptr && EVP_PKEY_verify(ctx.get(), signature, size, input, input_size) == 1;
}

int VerifyRecover(void* context, unsigned char* out, size_t* size, size_t capacity,
                  const unsigned char* signature, size_t signature_size) {
  const Signing& signing = Ref(context);
  const PkeyCtxPtr ctx =
      signing.key.pkey == nullptr ? nullptr : NewSoftwareContext(signing, EVP_PKEY_verify_recover_init);
  *size = capacity;
  return ctx != nullptr && EVP_PKEY_verify_recover(ctx.get(), out, size, signature, signature_size) > 0;
}

// The digest of the message so far; empty when no message was begun.
BytesView FinishHash(Signing& signing, std::span<uint8_t, EVP_MAX_MD_SIZE> out) {
  const MdCtxPtr hash = std::move(signing.hash);
  unsigned int length = 0;
  if (hash == nullptr || EVP_DigestFinal_ex(hash.get(), out.data(), &length) != 1) return {};
  return out.first(length);
}

int MessageSign(void* context, unsigned char* signature, size_t* size, size_t capacity) {
  if (signature == nullptr) return Sign(context, nullptr, size, 0, nullptr, 0);
  uint8_t buffer[EVP_MAX_MD_SIZE];
  const BytesView digest = FinishHash(Ref(context), buffer);
  return !digest.empty() && Sign(context, signature, size, capacity, digest.data(), digest.size()) == 1;
}

int MessageSignOnce(void* context, unsigned char* signature, size_t* size, size_t capacity,
                    const unsigned char* data, size_t data_size) {
  if (signature != nullptr && MessageUpdate(context, data, data_size) != 1) return 0;
  return MessageSign(context, signature, size, capacity);
}

int MessageVerify(void* context, const unsigned char* signature, size_t size) {
  uint8_t buffer[EVP_MAX_MD_SIZE];
  const BytesView digest = FinishHash(Ref(context), buffer);
  return !digest.empty() && Verify(context, signature, size, digest.data(), digest.size()) == 1;
}

int MessageVerifyOnce(void* context, const unsigned char* signature, size_t size, const unsigned char* data,
                      size_t data_size) {
  return MessageUpdate(context, data, data_size) == 1 && MessageVerify(context, signature, size) == 1;
}

int GetParams(void* context, OSSL_PARAM params[]) {
  return Guarded(0, [&] {
    const Signing& signing = Ref(context);
    return static_cast<int>(signing.settings.Get(params, signing.key.pkey.get()));
  });
}

int SetParams(void* context, const OSSL_PARAM params[]) {
  return Guarded(0, [&] {
    Signing& signing = Ref(context);
    return static_cast<int>(
        Ok(signing, signing.settings.Set(*signing.provider, params, signing.hash != nullptr)));
  });
}

template <KeyType type>
const OSSL_PARAM* GettableParams(void*, void*) {
  return SignatureSettings::Gettable(type);
}

template <KeyType type>
const OSSL_PARAM* SettableParams(void*, void*) {
  return SignatureSettings::Settable(type);
}

int GetMdParams(void* context, OSSL_PARAM params[]) {
  const Signing& signing = Ref(context);
  return signing.hash != nullptr && EVP_MD_CTX_get_params(signing.hash.get(), params) == 1;
}

const OSSL_PARAM* GettableMdParams(void* context) {
  const EVP_MD* const md = Ref(context).settings.md.get();
  return md == nullptr ? nullptr : EVP_MD_gettable_ctx_params(md);
}

int SetMdParams(void* context, const OSSL_PARAM params[]) {
  const Signing& signing = Ref(context);
  return signing.hash != nullptr && EVP_MD_CTX_set_params(signing.hash.get(), params) == 1;
}

const OSSL_PARAM* SettableMdParams(void* context) {
  const EVP_MD* const md = Ref(context).settings.md.get();
  return md == nullptr ? nullptr : EVP_MD_settable_ctx_params(md);
}

template <KeyType type>
const OSSL_DISPATCH* Table() {
  static const OSSL_DISPATCH kTable[] = {
      Entry<OSSL_FUNC_signature_newctx_fn>(OSSL_FUNC_SIGNATURE_NEWCTX, NewContext<type>),
      Entry<OSSL_FUNC_signature_freectx_fn>(OSSL_FUNC_SIGNATURE_FREECTX, FreeContext),
      Entry<OSSL_FUNC_signature_dupctx_fn>(OSSL_FUNC_SIGNATURE_DUPCTX, DupContext),
      Entry<OSSL_FUNC_signature_sign_init_fn>(OSSL_FUNC_SIGNATURE_SIGN_INIT, Init),
      Entry<OSSL_FUNC_signature_sign_fn>(OSSL_FUNC_SIGNATURE_SIGN, Sign),
      Entry<OSSL_FUNC_signature_verify_init_fn>(OSSL_FUNC_SIGNATURE_VERIFY_INIT, Init),
      Entry<OSSL_FUNC_signature_verify_fn>(OSSL_FUNC_SIGNATURE_VERIFY, Verify),
      Entry<OSSL_FUNC_signature_digest_sign_init_fn>(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, MessageInit),
      Entry<OSSL_FUNC_signature_digest_sign_update_fn>(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, MessageUpdate),
      Entry<OSSL_FUNC_signature_digest_sign_final_fn>(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, MessageSign),
      Entry<OSSL_FUNC_signature_digest_sign_fn>(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, MessageSignOnce),
      Entry<OSSL_FUNC_signature_digest_verify_init_fn>(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT, MessageInit),
      Entry<OSSL_FUNC_signature_digest_verify_update_fn>(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_UPDATE,
                                                         MessageUpdate),
      Entry<OSSL_FUNC_signature_digest_verify_final_fn>(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_FINAL,
                                                        MessageVerify),
      Entry<OSSL_FUNC_signature_digest_verify_fn>(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY, MessageVerifyOnce),
      Entry<OSSL_FUNC_signature_get_ctx_params_fn>(OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, GetParams),
      Entry<OSSL_FUNC_signature_gettable_ctx_params_fn>(OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS,
                                                        GettableParams<type>),
      Entry<OSSL_FUNC_signature_set_ctx_params_fn>(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, SetParams),
      Entry<OSSL_FUNC_signature_settable_ctx_params_fn>(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS,
                                                        SettableParams<type>),
      Entry<OSSL_FUNC_signature_get_ctx_md_params_fn>(OSSL_FUNC_SIGNATURE_GET_CTX_MD_PARAMS, GetMdParams),
      Entry<OSSL_FUNC_signature_gettable_ctx_md_params_fn>(OSSL_FUNC_SIGNATURE_GETTABLE_CTX_MD_PARAMS,
                                                           GettableMdParams),
      Entry<OSSL_FUNC_signature_set_ctx_md_params_fn>(OSSL_FUNC_SIGNATURE_SET_CTX_MD_PARAMS, SetMdParams),
      Entry<OSSL_FUNC_signature_settable_ctx_md_params_fn>(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_MD_PARAMS,
                                                           SettableMdParams),
      // ECDSA has nothing to recover: its table ends here.
      type == KeyType::kRsa
          ? Entry<OSSL_FUNC_signature_verify_recover_init_fn>(OSSL_FUNC_SIGNATURE_VERIFY_RECOVER_INIT, Init)
          : kNoMoreEntries,
      Entry<OSSL_FUNC_signature_verify_recover_fn>(OSSL_FUNC_SIGNATURE_VERIFY_RECOVER, VerifyRecover),
      kNoMoreEntries,
  };
  return kTable;
}

}  // namespace

const OSSL_ALGORITHM kSignatureAlgorithms[] = {
    {kRsaNames, kProperties, Table<KeyType::kRsa>(), "RSA signatures by keyd"},
    {"ECDSA", kProperties, Table<KeyType::kEc>(), "ECDSA signatures by keyd"},
    {nullptr, nullptr, nullptr, nullptr},
};

}  // namespace aziot::openssl_engine
