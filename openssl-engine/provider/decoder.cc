// DECODER: a key file (key_file.h) where a program reads a private key in PEM. As libcrypto's own, it works
// in two steps, because the store of files lets keys pass from PEM to DER only: from PEM to the URI as a DER
// UTF8String, and from there to the key. The first asks keyd for the key's type: what fails there is shown,
// while libcrypto drops the errors of the second, and only the decoder of that type runs then.
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "openssl-engine/key_file.h"
#include "openssl-engine/provider/dispatch.h"
#include "openssl-engine/provider/loading.h"

namespace aziot::openssl_engine {
namespace {

using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free>>;

#define AZIOT_STRUCTURE "AziotKeysUri"
constexpr char kPemProperties[] = "provider=aziot_keys,aziot.remote=yes,input=pem";
constexpr char kDerProperties[] = "provider=aziot_keys,aziot.remote=yes,input=der,structure=" AZIOT_STRUCTURE;

void* NewContext(void* provider) { return provider; }
void FreeContext(void*) {}

int DoesSelection(void*, int selection) {
  return selection == 0 || (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0;
}

// Each step answers 1 also when it found nothing: that is no error, the core then tries others.
int DecodePem(void* context, OSSL_CORE_BIO* input, int selection, OSSL_CALLBACK* object, void* argument,
              OSSL_PASSPHRASE_CALLBACK*, void*) {
  return Guarded(0, [&] {
    const auto& provider = *static_cast<const ProviderContext*>(context);
    if (DoesSelection(nullptr, selection) == 0) return 1;
    const BioPtr in(BIO_new_from_core_bio(provider.software().libctx, input));
    if (in == nullptr) return 0;
    const Result<std::optional<KeyRef>> name = ReadKeyFile(in.get());
    if (!name.ok()) {
      provider.Raise(name.failure());
      return 0;
    }
    if (!name->has_value()) return 1;
    const Result<RemoteKey::Identity> identity = RemoteKey::Identify(**name, provider.endpoint());
    if (!identity.ok()) {
      provider.Raise(identity.failure());
      return 0;
    }
    const std::string uri = FormatKeyRef(identity->ref);
    using TextPtr = std::unique_ptr<ASN1_UTF8STRING, FreeWith<ASN1_UTF8STRING_free>>;
    const TextPtr text(ASN1_UTF8STRING_new());
    uint8_t* der = nullptr;
    if (text == nullptr || ASN1_STRING_set(text.get(), uri.data(), static_cast<int>(uri.size())) != 1)
      return 0;
    const int length = i2d_ASN1_UTF8STRING(text.get(), &der);
    if (length <= 0) return 0;
    int kind = OSSL_OBJECT_PKEY;
    std::string type = NameOf(identity->is_rsa ? KeyType::kRsa : KeyType::kEc);
    char structure[] = AZIOT_STRUCTURE;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &kind),
        OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, type.data(), 0),
        OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE, structure, 0),
        OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, der, static_cast<size_t>(length)),
        OSSL_PARAM_construct_end(),
    };
    const int taken = object(params, argument);
    OPENSSL_free(der);
    return taken;
  });
}

// The name in `in`, or nothing: DER of any kind comes here.
std::optional<KeyRef> ReadDer(BIO* in) {
  Bytes der(kMaxKeyFileBody * 3);  // percent-encoded
  const int size = BIO_read(in, der.data(), static_cast<int>(der.size()));
  if (size <= 0 || der[0] != V_ASN1_UTF8STRING) return std::nullopt;
  const uint8_t* from = der.data();
  ERR_set_mark();
  ASN1_UTF8STRING* const text = d2i_ASN1_UTF8STRING(nullptr, &from, size);
  ERR_pop_to_mark();
  if (text == nullptr) return std::nullopt;
  const auto* const data = reinterpret_cast<const char*>(ASN1_STRING_get0_data(text));
  Result<KeyRef> name = ParseKeyRef({data, static_cast<size_t>(ASN1_STRING_length(text))});
  ASN1_UTF8STRING_free(text);
  return name.ok() ? std::optional<KeyRef>(*std::move(name)) : std::nullopt;
}

template <RemoteKey::Wanted wanted>
int DecodeDer(void* context, OSSL_CORE_BIO* input, int selection, OSSL_CALLBACK* object, void* argument,
              OSSL_PASSPHRASE_CALLBACK*, void*) {
  return Guarded(0, [&] {
    const auto& provider = *static_cast<const ProviderContext*>(context);
    if (DoesSelection(nullptr, selection) == 0) return 1;
    const BioPtr in(BIO_new_from_core_bio(provider.software().libctx, input));
    if (in == nullptr) return 0;
    const std::optional<KeyRef> name = ReadDer(in.get());
    if (!name) return 1;
    const bool whole = selection == 0 || (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
    Result<std::unique_ptr<Key>> key = LoadKey(provider, *name, whole ? Half::kBoth : Half::kPublic, wanted);
    if (!key.ok()) return 0;
    return *key == nullptr ? 1 : HandOver(*std::move(key), object, argument);
  });
}

// For a caller that keeps its keys in another provider: the public half alone.
int ExportObject(void*, const void* reference, size_t size, OSSL_CALLBACK* callback, void* argument) {
  if (size != sizeof(Key**)) return 0;
  const Key* const key = **static_cast<Key** const*>(reference);
  constexpr int kPublic = OSSL_KEYMGMT_SELECT_PUBLIC_KEY | OSSL_KEYMGMT_SELECT_ALL_PARAMETERS;
  return key != nullptr && EVP_PKEY_export(key->pkey.get(), kPublic, callback, argument);
}

template <OSSL_FUNC_decoder_decode_fn decode>
const OSSL_DISPATCH* Table() {
  static const OSSL_DISPATCH kTable[] = {
      Entry<OSSL_FUNC_decoder_newctx_fn>(OSSL_FUNC_DECODER_NEWCTX, NewContext),
      Entry<OSSL_FUNC_decoder_freectx_fn>(OSSL_FUNC_DECODER_FREECTX, FreeContext),
      Entry<OSSL_FUNC_decoder_does_selection_fn>(OSSL_FUNC_DECODER_DOES_SELECTION, DoesSelection),
      Entry<OSSL_FUNC_decoder_decode_fn>(OSSL_FUNC_DECODER_DECODE, decode),
      Entry<OSSL_FUNC_decoder_export_object_fn>(OSSL_FUNC_DECODER_EXPORT_OBJECT, ExportObject),
      kNoMoreEntries,
  };
  return kTable;
}

}  // namespace

const OSSL_ALGORITHM kDecoderAlgorithms[] = {
    {"DER", kPemProperties, Table<DecodePem>(), "key files that name a key of keyd"},
    {kRsaNames, kDerProperties, Table<DecodeDer<RemoteKey::Wanted::kRsa>>(), "RSA keys of keyd by name"},
    {kEcNames, kDerProperties, Table<DecodeDer<RemoteKey::Wanted::kEc>>(), "EC keys of keyd by name"},
    {nullptr, nullptr, nullptr, nullptr},
};

}  // namespace aziot::openssl_engine
