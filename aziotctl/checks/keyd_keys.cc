#include "aziotctl/checks/keyd_keys.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "aziot/keys/v1/keys.pb.h"
#include "common/status/status_macros.h"
#include "common/uri/uri.h"

namespace aziot::ctl {
namespace {

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

KeydKeys::KeydKeys(const std::string& socket)
    : keyd_({.socket = socket, .api_version = "2021-05-01", .retries = 0}), remote_(ModuleDirectory()) {}

absl::StatusOr<openssl::PkeyPtr> KeydKeys::LoadPair(const std::string& id) {
  ASSIGN_OR_RETURN(const std::string handle, HandleOf(keyd_, "aziot.keys.v1.Keys.GetKeyPair", id));
  return remote_.Load(absl::StrCat("aziot:handle=", uri::PercentEncode(handle),
                                   ";socket=", uri::PercentEncode(keyd_.socket())));
}

bool KeydKeys::IsSymmetric(const std::string& id) {
  return HandleOf(keyd_, "aziot.keys.v1.Keys.GetKey", id).ok();
}

}  // namespace aziot::ctl
