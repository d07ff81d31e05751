// ASYM_CIPHER: RSA encryption with a Key. The private operation of a key of keyd happens there, on raw bytes,
// and OAEP is undone here. PKCS#1 v1.5 is not offered for decryption: without the private key there is no
// implicit rejection, and without that an answer tells an attacker whether the padding was right.
// Everything else, also reading the settings, is passed on to libcrypto's own context.
#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>

#include "openssl-engine/provider/dispatch.h"
#include "openssl-engine/provider/key.h"
#include "openssl-engine/provider/oaep.h"

namespace aziot::openssl_engine {
namespace {

struct Cipher {
  const ProviderContext* provider;
  Key key;
  // For a key of keyd that decrypts: ready to encrypt, so that it knows the settings.
  PkeyCtxPtr software;
};

Cipher& Ref(void* context) { return *static_cast<Cipher*>(context); }

void* NewContext(void* provider) {
  return Guarded<void*>(nullptr, [&] {
    const auto* context = static_cast<const ProviderContext*>(provider);
    return new Cipher{context, {context, KeyType::kRsa, {}, {}}, nullptr};
  });
}

void FreeContext(void* context) { delete static_cast<Cipher*>(context); }

void* DupContext(void* context) {
  return Guarded<void*>(nullptr, [&]() -> void* {
    const Cipher& from = Ref(context);
    auto copy = std::make_unique<Cipher>(Cipher{from.provider, from.key.Copy(), nullptr});
    if (from.software != nullptr) {
      copy->software.reset(EVP_PKEY_CTX_dup(from.software.get()));
      if (copy->software == nullptr) return nullptr;
    }
    return copy.release();
  });
}

int SetParams(void* context, const OSSL_PARAM params[]) {
  const Cipher& cipher = Ref(context);
  if (params == nullptr || params->key == nullptr) return 1;
  return cipher.software != nullptr && EVP_PKEY_CTX_set_params(cipher.software.get(), params) > 0;
}

int Init(Cipher& cipher, void* key, const OSSL_PARAM params[], int (*init)(EVP_PKEY_CTX*)) {
  if (key != nullptr) cipher.key = static_cast<const Key*>(key)->Copy();
  if (cipher.key.pkey == nullptr) {
    cipher.provider->Raise({Reason::kInvalidInput, "no key to encrypt or decrypt with"});
    return 0;
  }
  cipher.software = cipher.key.NewContext();
  if (cipher.software == nullptr || init(cipher.software.get()) <= 0) return 0;
  return SetParams(&cipher, params);
}

int EncryptInit(void* context, void* key, const OSSL_PARAM params[]) {
  return Guarded(0, [&] { return Init(Ref(context), key, params, EVP_PKEY_encrypt_init); });
}

int DecryptInit(void* context, void* key, const OSSL_PARAM params[]) {
  return Guarded(0, [&] {
    const bool remote =
        (key != nullptr ? static_cast<const Key*>(key) : &Ref(context).key)->remote != nullptr;
    return Init(Ref(context), key, params, remote ? EVP_PKEY_encrypt_init : EVP_PKEY_decrypt_init);
  });
}

int Encrypt(void* context, unsigned char* out, size_t* size, size_t capacity, const unsigned char* input,
            size_t input_size) {
  EVP_PKEY_CTX* const software = Ref(context).software.get();
  *size = capacity;
  return software != nullptr && EVP_PKEY_encrypt(software, out, size, input, input_size) > 0;
}

// The digest by the name that `get` gives, or SHA-1, which is what RFC 8017 says when none is given.
MdPtr DigestOf(const Cipher& cipher, int (*get)(EVP_PKEY_CTX*, char*, size_t)) {
  char name[64] = "";
  if (get(cipher.software.get(), name, sizeof name) <= 0 || name[0] == '\0') return nullptr;
  return cipher.provider->FindDigest(name);
}

Result<Bytes> DecryptRemotely(const Cipher& cipher, BytesView input) {
  EVP_PKEY_CTX* const settings = cipher.software.get();
  int padding = 0;
  if (EVP_PKEY_CTX_get_rsa_padding(settings, &padding) <= 0) {
    return Failure{Reason::kCrypto, "reading the RSA padding"};
  }
  if (padding != RSA_PKCS1_OAEP_PADDING && padding != RSA_NO_PADDING) {
    return Failure{Reason::kNotSupported,
                   "a key of keyd decrypts OAEP only (rsa_padding_mode:oaep); this padding is not offered"};
  }
  const size_t length = static_cast<size_t>(EVP_PKEY_get_size(cipher.key.pkey.get()));
  if (input.size() > length)
    return Failure{Reason::kInvalidInput, "the ciphertext is longer than the modulus"};
  Bytes whole(length, 0);
  std::copy(input.begin(), input.end(), whole.end() - static_cast<ptrdiff_t>(input.size()));
  Result<Bytes> block = cipher.key.remote->SignRaw(whole);
  if (!block.ok() || padding == RSA_NO_PADDING) return block;

  const MdPtr md = DigestOf(cipher, EVP_PKEY_CTX_get_rsa_oaep_md_name);
  const MdPtr mgf1_md = DigestOf(cipher, EVP_PKEY_CTX_get_rsa_mgf1_md_name);
  unsigned char* label = nullptr;
  const int label_size = EVP_PKEY_CTX_get0_rsa_oaep_label(settings, &label);
  const BytesView label_view(label, label_size > 0 ? static_cast<size_t>(label_size) : 0);
  Result<Bytes> message =
      md == nullptr ? Result<Bytes>(Failure{Reason::kInvalidInput, "no provider offers the OAEP digest"})
                    : DecodeOaep(*block, md.get(), mgf1_md == nullptr ? md.get() : mgf1_md.get(), label_view);
  OPENSSL_cleanse(block->data(), block->size());
  return message;
}

int Decrypt(void* context, unsigned char* out, size_t* size, size_t capacity, const unsigned char* input,
            size_t input_size) {
  return Guarded(0, [&] {
    const Cipher& cipher = Ref(context);
    if (cipher.software == nullptr) return 0;
    if (cipher.key.remote == nullptr) {
      *size = capacity;
      return static_cast<int>(EVP_PKEY_decrypt(cipher.software.get(), out, size, input, input_size) > 0);
    }
    if (out == nullptr) {
      *size = static_cast<size_t>(EVP_PKEY_get_size(cipher.key.pkey.get()));
      return 1;
    }
    Result<Bytes> message = DecryptRemotely(cipher, {input, input_size});
    const bool fits = message.ok() && message->size() <= capacity;
    if (!message.ok()) cipher.provider->Raise(message.failure());
    if (message.ok() && !fits) {
      cipher.provider->Raise({Reason::kInvalidInput, "the buffer is too small for the message"});
    }
    if (fits) {
      std::copy(message->begin(), message->end(), out);
      *size = message->size();
    }
    if (message.ok()) OPENSSL_cleanse(message->data(), message->size());
    return static_cast<int>(fits);
  });
}

int GetParams(void* context, OSSL_PARAM params[]) {
  const Cipher& cipher = Ref(context);
  return cipher.software != nullptr && EVP_PKEY_CTX_get_params(cipher.software.get(), params) > 0;
}

const OSSL_PARAM* GettableParams(void*, void*) {
  static const OSSL_PARAM kParams[] = {
      OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, nullptr, 0),
      OSSL_PARAM_octet_ptr(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, nullptr, 0),
      OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, nullptr),
      OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, nullptr),
      OSSL_PARAM_END,
  };
  return kParams;
}

const OSSL_PARAM* SettableParams(void*, void*) {
  static const OSSL_PARAM kParams[] = {
      OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST_PROPS, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST_PROPS, nullptr, 0),
      OSSL_PARAM_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, nullptr, 0),
      OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, nullptr),
      OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, nullptr),
      OSSL_PARAM_END,
  };
  return kParams;
}

const OSSL_DISPATCH kTable[] = {
    Entry<OSSL_FUNC_asym_cipher_newctx_fn>(OSSL_FUNC_ASYM_CIPHER_NEWCTX, NewContext),
    Entry<OSSL_FUNC_asym_cipher_freectx_fn>(OSSL_FUNC_ASYM_CIPHER_FREECTX, FreeContext),
    Entry<OSSL_FUNC_asym_cipher_dupctx_fn>(OSSL_FUNC_ASYM_CIPHER_DUPCTX, DupContext),
    Entry<OSSL_FUNC_asym_cipher_encrypt_init_fn>(OSSL_FUNC_ASYM_CIPHER_ENCRYPT_INIT, EncryptInit),
    Entry<OSSL_FUNC_asym_cipher_encrypt_fn>(OSSL_FUNC_ASYM_CIPHER_ENCRYPT, Encrypt),
    Entry<OSSL_FUNC_asym_cipher_decrypt_init_fn>(OSSL_FUNC_ASYM_CIPHER_DECRYPT_INIT, DecryptInit),
    Entry<OSSL_FUNC_asym_cipher_decrypt_fn>(OSSL_FUNC_ASYM_CIPHER_DECRYPT, Decrypt),
    Entry<OSSL_FUNC_asym_cipher_get_ctx_params_fn>(OSSL_FUNC_ASYM_CIPHER_GET_CTX_PARAMS, GetParams),
    Entry<OSSL_FUNC_asym_cipher_gettable_ctx_params_fn>(OSSL_FUNC_ASYM_CIPHER_GETTABLE_CTX_PARAMS,
                                                        GettableParams),
    Entry<OSSL_FUNC_asym_cipher_set_ctx_params_fn>(OSSL_FUNC_ASYM_CIPHER_SET_CTX_PARAMS, SetParams),
    Entry<OSSL_FUNC_asym_cipher_settable_ctx_params_fn>(OSSL_FUNC_ASYM_CIPHER_SETTABLE_CTX_PARAMS,
                                                        SettableParams),
    kNoMoreEntries,
};

}  // namespace

const OSSL_ALGORITHM kAsymCipherAlgorithms[] = {
    {kRsaNames, kProperties, kTable, "RSA encryption with keys of keyd"},
    {nullptr, nullptr, nullptr, nullptr},
};

}  // namespace aziot::openssl_engine
