#include "openssl-engine/provider/provider_context.h"

#include <openssl/crypto.h>
#include <openssl/params.h>

#include <cstdarg>

#ifndef AZIOT_SOCKET_DIR
#define AZIOT_SOCKET_DIR "/run/aziot"
#endif

namespace aziot::openssl_engine {

ProviderContext::ProviderContext(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH* in) : handle_(handle) {
  for (const OSSL_DISPATCH* entry = in; entry->function_id != 0; ++entry) {
    switch (entry->function_id) {
      case OSSL_FUNC_CORE_GET_PARAMS:
        get_params_ = OSSL_FUNC_core_get_params(entry);
        break;
      case OSSL_FUNC_CORE_NEW_ERROR:
        new_error_ = OSSL_FUNC_core_new_error(entry);
        break;
      case OSSL_FUNC_CORE_VSET_ERROR:
        vset_error_ = OSSL_FUNC_core_vset_error(entry);
        break;
      default:
        break;
    }
  }
  endpoint_.socket_path = AZIOT_SOCKET_DIR "/keyd.sock";
  endpoint_.api_version = "2021-05-01";
  certd_.socket_path = AZIOT_SOCKET_DIR "/certd.sock";
  certd_.api_version = "2020-09-01";
  certd_.peer = "certd";
}

std::unique_ptr<ProviderContext> ProviderContext::New(const OSSL_CORE_HANDLE* handle,
                                                      const OSSL_DISPATCH* in) {
  std::unique_ptr<ProviderContext> context(new ProviderContext(handle, in));
  context->ReadConfiguration();
  context->libctx_.reset(OSSL_LIB_CTX_new_child(handle, in));
  if (context->libctx_ == nullptr) return nullptr;
  return context;
}

// What is wrong with a value is said when it is used: OpenSSL drops the errors of a provider that does not
// load.
void ProviderContext::ReadConfiguration() {
  if (get_params_ == nullptr) return;
  const char* socket_path = nullptr;
  const char* certd_socket_path = nullptr;
  const char* api_version = nullptr;
  OSSL_PARAM wanted[] = {
      OSSL_PARAM_construct_utf8_ptr("socket_path", const_cast<char**>(&socket_path), 0),
      OSSL_PARAM_construct_utf8_ptr("certd_socket_path", const_cast<char**>(&certd_socket_path), 0),
      OSSL_PARAM_construct_utf8_ptr("api_version", const_cast<char**>(&api_version), 0),
      OSSL_PARAM_construct_end(),
  };
  if (get_params_(handle_, wanted) != 1) return;
  if (socket_path != nullptr) endpoint_.socket_path = socket_path;
  if (certd_socket_path != nullptr) certd_.socket_path = certd_socket_path;
  if (api_version != nullptr) endpoint_.api_version = PercentEncode(api_version);
}

void ProviderContext::Raise(const Failure& failure) const {
  if (new_error_ == nullptr || vset_error_ == nullptr) return;
  new_error_(handle_);
  const auto set = [this](int reason, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vset_error_(handle_, static_cast<uint32_t>(reason), format, arguments);
    va_end(arguments);
  };
  set(static_cast<int>(failure.reason), "%s", failure.text.c_str());
}

}  // namespace aziot::openssl_engine
