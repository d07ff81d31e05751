#include "common/openssl/remote_keys.h"

#include <openssl/store.h>

#include "absl/strings/str_cat.h"
#include "common/openssl/error_queue.h"
#include "common/status/status_macros.h"

namespace aziot::openssl {
namespace {

using StorePtr = std::unique_ptr<OSSL_STORE_CTX, FreeWith<OSSL_STORE_close>>;
using StoreInfoPtr = std::unique_ptr<OSSL_STORE_INFO, FreeWith<OSSL_STORE_INFO_free>>;

}  // namespace

absl::Status RemoteKeys::LoadProvider() {
  const std::lock_guard lock(loading_);
  if (remote_ != nullptr) return absl::OkStatus();
  LibCtxPtr context(OSSL_LIB_CTX_new());
  if (context == nullptr) return ErrorFromQueue(absl::StatusCode::kInternal, "OSSL_LIB_CTX_new");
  ProviderPtr software(OSSL_PROVIDER_load(context.get(), "default"));
  OSSL_PROVIDER_set_default_search_path(context.get(), module_directory_.c_str());
  ProviderPtr remote(OSSL_PROVIDER_load(context.get(), "aziot_keys"));
  if (software == nullptr || remote == nullptr) {
    return ErrorFromQueue(absl::StatusCode::kInternal,
                          absl::StrCat("loading OpenSSL provider aziot_keys from ", module_directory_));
  }
  context_ = std::move(context);
  software_ = std::move(software);
  remote_ = std::move(remote);
  return absl::OkStatus();
}

absl::StatusOr<PkeyPtr> RemoteKeys::Load(const std::string& uri) {
  RETURN_IF_ERROR(LoadProvider());
  const StorePtr store(
      OSSL_STORE_open_ex(uri.c_str(), context_.get(), nullptr, nullptr, nullptr, nullptr, nullptr, nullptr));
  if (store == nullptr) return ErrorFromQueue(absl::StatusCode::kInternal, "opening a key of keyd");
  while (!OSSL_STORE_eof(store.get())) {
    const StoreInfoPtr info(OSSL_STORE_load(store.get()));
    if (info == nullptr) break;
    if (OSSL_STORE_INFO_get_type(info.get()) == OSSL_STORE_INFO_PKEY) {
      return PkeyPtr(OSSL_STORE_INFO_get1_PKEY(info.get()));
    }
  }
  return ErrorFromQueue(absl::StatusCode::kInternal, "loading a key of keyd");
}

}  // namespace aziot::openssl
