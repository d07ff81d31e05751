// libssl uses a TLS group only when the provider that announces it is also the one whose KEYMGMT it finds.
// Standing before the default provider we are that one for EC, so we announce the EC groups of the
// implementation to which our KEYMGMT passes ephemeral keys on. Standing behind it, nobody takes these.
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include <cstring>
#include <memory>

#include "openssl-engine/provider/dispatch.h"
#include "openssl-engine/provider/provider_context.h"

namespace aziot::openssl_engine {
namespace {

struct Receiver {
  OSSL_CALLBACK* callback;
  void* argument;
};

int PassOnEc(const OSSL_PARAM params[], void* receiver) {
  const OSSL_PARAM* param = OSSL_PARAM_locate_const(params, OSSL_CAPABILITY_TLS_GROUP_ALG);
  const char* algorithm = nullptr;
  if (param == nullptr || OSSL_PARAM_get_utf8_string_ptr(param, &algorithm) != 1 || algorithm == nullptr)
    return 1;
  if (std::strcmp(algorithm, "EC") != 0) return 1;
  const auto& [callback, argument] = *static_cast<const Receiver*>(receiver);
  return callback(params, argument);
}

}  // namespace

int GetCapabilities(void* context, const char* capability, OSSL_CALLBACK* callback, void* argument) {
  using KeymgmtPtr = std::unique_ptr<EVP_KEYMGMT, FreeWith<EVP_KEYMGMT_free>>;
  if (std::strcmp(capability, "TLS-GROUP") != 0) return 0;
  const Software software = static_cast<const ProviderContext*>(context)->software();
  const KeymgmtPtr keymgmt(EVP_KEYMGMT_fetch(software.libctx, "EC", software.properties));
  if (keymgmt == nullptr) return 0;
  Receiver receiver{callback, argument};
  return OSSL_PROVIDER_get_capabilities(EVP_KEYMGMT_get0_provider(keymgmt.get()), capability, PassOnEc,
                                        &receiver);
}

}  // namespace aziot::openssl_engine
