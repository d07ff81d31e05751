// The provider's one door: OSSL_provider_init, and what the core asks of a provider as a whole.
#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>

#include <array>
#include <iterator>

#include "openssl-engine/provider/dispatch.h"
#include "openssl-engine/provider/provider_context.h"

namespace aziot::openssl_engine {
namespace {

void Teardown(void* context) { delete static_cast<ProviderContext*>(context); }

const OSSL_PARAM* GettableParams(void*) {
  static const OSSL_PARAM kParams[] = {
      OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, nullptr, 0),
      OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, nullptr, 0),
      OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_BUILDINFO, nullptr, 0),
      OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, nullptr),
      OSSL_PARAM_END,
  };
  return kParams;
}

int GetParams(void*, OSSL_PARAM params[]) {
  constexpr struct {
    const char* name;
    const char* text;
  } kTexts[] = {
      {OSSL_PROV_PARAM_NAME, "keys of the Azure IoT keys service (keyd)"},
      {OSSL_PROV_PARAM_VERSION, AZIOT_VERSION},
      {OSSL_PROV_PARAM_BUILDINFO, "aziot-identity-service " AZIOT_VERSION},
  };
  for (const auto& [name, text] : kTexts) {
    OSSL_PARAM* param = OSSL_PARAM_locate(params, name);
    if (param != nullptr && OSSL_PARAM_set_utf8_ptr(param, text) != 1) return 0;
  }
  OSSL_PARAM* status = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
  return status == nullptr || OSSL_PARAM_set_int(status, 1) == 1;
}

const OSSL_ALGORITHM* QueryOperation(void*, int operation, int* no_cache) {
  *no_cache = 0;
  switch (operation) {
    case OSSL_OP_KEYMGMT:
      return kKeymgmtAlgorithms;
    case OSSL_OP_SIGNATURE:
      return kSignatureAlgorithms;
    case OSSL_OP_ASYM_CIPHER:
      return kAsymCipherAlgorithms;
    case OSSL_OP_STORE:
      return kStoreAlgorithms;
    case OSSL_OP_DECODER:
      return kDecoderAlgorithms;
    default:
      return nullptr;
  }
}

const OSSL_ITEM* GetReasonStrings(void*) {
  // The last one ends it.
  static const auto items = [] {
    std::array<OSSL_ITEM, std::size(kReasonTexts) + 1> made{};
    for (size_t i = 0; i < std::size(kReasonTexts); ++i) {
      made[i] = {static_cast<unsigned int>(kReasonTexts[i].reason), const_cast<char*>(kReasonTexts[i].text)};
    }
    return made;
  }();
  return items.data();
}

const OSSL_DISPATCH kProvider[] = {
    Entry<OSSL_FUNC_provider_teardown_fn>(OSSL_FUNC_PROVIDER_TEARDOWN, Teardown),
    Entry<OSSL_FUNC_provider_gettable_params_fn>(OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, GettableParams),
    Entry<OSSL_FUNC_provider_get_params_fn>(OSSL_FUNC_PROVIDER_GET_PARAMS, GetParams),
    Entry<OSSL_FUNC_provider_query_operation_fn>(OSSL_FUNC_PROVIDER_QUERY_OPERATION, QueryOperation),
    Entry<OSSL_FUNC_provider_get_capabilities_fn>(OSSL_FUNC_PROVIDER_GET_CAPABILITIES, GetCapabilities),
    Entry<OSSL_FUNC_provider_get_reason_strings_fn>(OSSL_FUNC_PROVIDER_GET_REASON_STRINGS, GetReasonStrings),
    kNoMoreEntries,
};

}  // namespace
}  // namespace aziot::openssl_engine

extern "C" __attribute__((visibility("default"))) int OSSL_provider_init(const OSSL_CORE_HANDLE* handle,
                                                                         const OSSL_DISPATCH* in,
                                                                         const OSSL_DISPATCH** out,
                                                                         void** context) {
  using namespace aziot::openssl_engine;
  return Guarded(0, [&] {
    auto made = ProviderContext::New(handle, in);
    if (made == nullptr) return 0;
    *out = kProvider;
    *context = made.release();
    return 1;
  });
}
