#include "aziotctl/checks/remote_keys.h"

#include <openssl/store.h>

#include <filesystem>
#include <memory>

#include "absl/strings/str_cat.h"
#include "aziot/keys/v1/keys.pb.h"
#include "common/openssl/error_queue.h"
#include "common/status/status_macros.h"
#include "common/uri/uri.h"

namespace aziot::ctl {
namespace {

using StorePtr = std::unique_ptr<OSSL_STORE_CTX, openssl::FreeWith<OSSL_STORE_close>>;
using StoreInfoPtr = std::unique_ptr<OSSL_STORE_INFO, openssl::FreeWith<OSSL_STORE_INFO_free>>;

// Beside this program, in the installed tree and in the build's.
std::string ModuleDirectory() {
  std::error_code ignored;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  return (program.parent_path().parent_path() / "lib/ossl-modules").string();
}

absl::StatusOr<std::string> HandleOf(client::Client& keyd, absl::string_view method, const std::string& id) {
  keys::v1::GetKeyRequest request;
  request.set_id(id);
  ASSIGN_OR_RETURN(const keys::v1::KeyHandle handle, keyd.Call<keys::v1::KeyHandle>(method, request));
  return handle.key_handle();
}

}  // namespace

RemoteKeys::RemoteKeys(const std::string& socket)
    : keyd_({.socket = socket, .api_version = "2021-05-01", .retries = 0}) {}

absl::Status RemoteKeys::LoadProvider() {
  if (remote_ != nullptr) return absl::OkStatus();
  context_.reset(OSSL_LIB_CTX_new());
  if (context_ == nullptr) return openssl::ErrorFromQueue(absl::StatusCode::kInternal, "OSSL_LIB_CTX_new");
  software_.reset(OSSL_PROVIDER_load(context_.get(), "default"));
  const std::string directory = ModuleDirectory();
  OSSL_PROVIDER_set_default_search_path(context_.get(), directory.c_str());
  remote_.reset(OSSL_PROVIDER_load(context_.get(), "aziot_keys"));
  if (software_ != nullptr && remote_ != nullptr) return absl::OkStatus();
  return openssl::ErrorFromQueue(absl::StatusCode::kInternal,
                                 absl::StrCat("loading OpenSSL provider aziot_keys from ", directory));
}

absl::StatusOr<openssl::PkeyPtr> RemoteKeys::LoadPair(const std::string& id) {
  ASSIGN_OR_RETURN(const std::string handle, HandleOf(keyd_, "aziot.keys.v1.Keys.GetKeyPair", id));
  RETURN_IF_ERROR(LoadProvider());
  const std::string name = absl::StrCat("aziot:handle=", uri::PercentEncode(handle),
                                        ";socket=", uri::PercentEncode(keyd_.socket()));
  const StorePtr store(
      OSSL_STORE_open_ex(name.c_str(), context_.get(), nullptr, nullptr, nullptr, nullptr, nullptr, nullptr));
  while (store != nullptr && !OSSL_STORE_eof(store.get())) {
    const StoreInfoPtr info(OSSL_STORE_load(store.get()));
    if (info == nullptr) break;
    if (OSSL_STORE_INFO_get_type(info.get()) == OSSL_STORE_INFO_PKEY)
      return openssl::PkeyPtr(OSSL_STORE_INFO_get1_PKEY(info.get()));
  }
  return openssl::ErrorFromQueue(absl::StatusCode::kInternal,
                                 absl::StrCat("loading key pair ", id, " into OpenSSL"));
}

bool RemoteKeys::IsSymmetric(const std::string& id) {
  return HandleOf(keyd_, "aziot.keys.v1.Keys.GetKey", id).ok();
}

}  // namespace aziot::ctl
