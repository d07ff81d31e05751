// ProviderContext: what one activation of the provider owns. The child library context, in which digests and
// software keys are found; where keyd and certd are; and the core's error queue. Made once by
// OSSL_provider_init without any I/O, then only read: keys and operations point to it, and the core keeps the
// provider alive as long as they exist.
#pragma once

#include <openssl/core.h>
#include <openssl/core_dispatch.h>

#include "openssl-engine/owned.h"
#include "openssl-engine/provider/digests.h"
#include "openssl-engine/remote_key.h"
#include "openssl-engine/result.h"
#include "openssl-engine/transport.h"

namespace aziot::openssl_engine {

enum class KeyType { kRsa, kEc };

class ProviderContext {
 public:
  // Null when the core offers no child context.
  static std::unique_ptr<ProviderContext> New(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH* in);

  Software software() const { return {libctx_.get(), kSoftwareProperties}; }
  const Endpoint& endpoint() const { return endpoint_; }
  const Endpoint& certd() const { return certd_; }

  // A digest of the child context by any of its names; null when there is none.
  MdPtr FindDigest(const char* name) const { return digests_.Find(software(), name); }

  // Adds one entry to the error queue of the calling thread.
  void Raise(const Failure& failure) const;

 private:
  // Not ourselves (the child context mirrors every provider, also this one), and the default provider before
  // a third one that offers RSA or EC too.
  static constexpr char kSoftwareProperties[] = "aziot.remote!=yes,?provider=default";

  ProviderContext(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH* in);
  void ReadConfiguration();

  const OSSL_CORE_HANDLE* handle_;
  OSSL_FUNC_core_get_params_fn* get_params_ = nullptr;
  OSSL_FUNC_core_new_error_fn* new_error_ = nullptr;
  OSSL_FUNC_core_vset_error_fn* vset_error_ = nullptr;
  LibCtxPtr libctx_;
  mutable Digests digests_;
  Endpoint endpoint_;
  Endpoint certd_;
};

}  // namespace aziot::openssl_engine
