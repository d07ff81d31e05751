#include "certd/issuer/keyd_keys.h"

#include <openssl/store.h>

#include "absl/strings/str_cat.h"
#include "aziot/keys/v1/keys.pb.h"
#include "common/openssl/error_queue.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"
#include "common/uri/uri.h"

namespace aziot::certd {
namespace {

using StorePtr = std::unique_ptr<OSSL_STORE_CTX, openssl::FreeWith<OSSL_STORE_close>>;
using StoreInfoPtr = std::unique_ptr<OSSL_STORE_INFO, openssl::FreeWith<OSSL_STORE_INFO_free>>;

}  // namespace

absl::Status KeydKeys::LoadProvider() {
  std::lock_guard lock(loading_);
  if (remote_ != nullptr) return absl::OkStatus();
  openssl::LibCtxPtr context(OSSL_LIB_CTX_new());
  if (context == nullptr) return openssl::ErrorFromQueue(absl::StatusCode::kInternal, "OSSL_LIB_CTX_new");
  openssl::ProviderPtr software(OSSL_PROVIDER_load(context.get(), "default"));
  OSSL_PROVIDER_set_default_search_path(context.get(), provider_directory_.c_str());
  openssl::ProviderPtr remote(OSSL_PROVIDER_load(context.get(), "aziot_keys"));
  if (software == nullptr || remote == nullptr) {
    return openssl::ErrorFromQueue(
        absl::StatusCode::kInternal,
        absl::StrCat("loading OpenSSL provider aziot_keys from ", provider_directory_));
  }
  software_ = std::move(software);
  remote_ = std::move(remote);
  context_ = std::move(context);
  return absl::OkStatus();
}

absl::StatusOr<openssl::PkeyPtr> KeydKeys::ById(const KeyId& id) {
  keys::v1::GetKeyRequest request;
  request.set_id(id.value());
  auto handle = keyd_.Call<keys::v1::KeyHandle>("aziot.keys.v1.Keys.GetKeyPair", request);
  if (!handle.ok()) return Annotate(handle.status(), absl::StrCat("asking keyd for key pair ", id.value()));
  return ByHandle(handle->key_handle());
}

absl::StatusOr<openssl::PkeyPtr> KeydKeys::ByHandle(absl::string_view handle) {
  RETURN_IF_ERROR(LoadProvider());
  const std::string name = absl::StrCat("aziot:handle=", uri::PercentEncode(handle),
                                        ";socket=", uri::PercentEncode(keyd_.socket()));
  StorePtr store(
      OSSL_STORE_open_ex(name.c_str(), context_.get(), nullptr, nullptr, nullptr, nullptr, nullptr, nullptr));
  if (store == nullptr) return openssl::ErrorFromQueue(absl::StatusCode::kInternal, "opening a key of keyd");
  while (!OSSL_STORE_eof(store.get())) {
    StoreInfoPtr info(OSSL_STORE_load(store.get()));
    if (info == nullptr) break;
    if (OSSL_STORE_INFO_get_type(info.get()) == OSSL_STORE_INFO_PKEY) {
      return openssl::PkeyPtr(OSSL_STORE_INFO_get1_PKEY(info.get()));
    }
  }
  return openssl::ErrorFromQueue(absl::StatusCode::kInternal, "loading a key of keyd");
}

}  // namespace aziot::certd
