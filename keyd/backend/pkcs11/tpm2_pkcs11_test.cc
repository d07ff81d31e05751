// The contract over tpm2-pkcs11, whose keys are a TPM's (swtpm).
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/testing/soft_hsm.h"
#include "common/testing/swtpm.h"
#include "common/testing/temp_dir.h"
#include "keyd/backend/pkcs11/token_backend.h"
#include "keyd/backend/testing/key_backend_contract.h"

// tpm2-pkcs11 1.9 loses the OCTET STRING of the point of every EC key it makes; the stack that the sanitizer
// keeps ends in libcrypto. Nothing of ours in this program makes an ASN1_STRING.
extern "C" __attribute__((visibility("default"))) const char* __lsan_default_suppressions() {
  return "leak:ASN1_STRING_set\n";
}

namespace aziot::keyd::testing {
namespace {

std::string ModulePath() {
  for (const char* path :
       {"/usr/lib/x86_64-linux-gnu/pkcs11/libtpm2_pkcs11.so",
        "/usr/lib/aarch64-linux-gnu/pkcs11/libtpm2_pkcs11.so", "/usr/lib64/pkcs11/libtpm2_pkcs11.so"}) {
    if (std::filesystem::exists(path)) return path;
  }
  return "libtpm2_pkcs11.so.1";
}

// A store with one token, made once. Keys are blobs of the store, so that a copy of it is a fresh token.
class Tpm2Store {
 public:
  static Tpm2Store& Get() {
    static Tpm2Store store;
    return store;
  }
  // A copy, and nothing of the last test is left inside the TPM: there is no resource manager here.
  void CopyTo(const std::string& directory) {
    for (const char* what : {"-t", "-l", "-s"}) aziot::testing::RunTool({"tpm2_flushcontext", what});
    std::filesystem::copy(store_.path(), directory, std::filesystem::copy_options::recursive);
  }

 private:
  Tpm2Store() {
    setenv("TPM2TOOLS_TCTI", tpm_.tcti().c_str(), 1);
    setenv("TPM2_PKCS11_TCTI", tpm_.tcti().c_str(), 1);
    setenv("TPM2_PKCS11_LOG_LEVEL", "0", 1);
    setenv("TSS2_LOG", "all+NONE", 1);
    setenv("TPM2_PKCS11_STORE", store_.path().c_str(), 1);
    const std::vector<std::string> tool = {"pkcs11-tool", "--module", ModulePath(), "--slot-index",
                                           "0",           "--so-pin", "12345678"};
    for (const std::vector<std::string>& what :
         {std::vector<std::string>{"--init-token", "--label", "device"},
          std::vector<std::string>{"--init-pin", "--pin", "1234"}}) {
      std::vector<std::string> arguments = tool;
      arguments.insert(arguments.end(), what.begin(), what.end());
      aziot::testing::RunTool(arguments);
    }
  }

  aziot::testing::Swtpm tpm_;
  const aziot::testing::TempDir store_;
};

struct Tpm2UnderTest final : BackendUnderTest {
  Tpm2UnderTest() {
    Tpm2Store::Get().CopyTo(directory.Join("store"));
    setenv("TPM2_PKCS11_STORE", directory.Join("store").c_str(), 1);
    pkcs11::TokenOptions options;
    options.module_path = ModulePath();
    options.token.token = "device";
    options.pin_value = Secret(ToBytesView("1234"));
    token = std::make_unique<pkcs11::TokenBackend>(std::move(options));
  }
  KeyBackend& backend() override { return *token; }

  const aziot::testing::TempDir directory;
  std::unique_ptr<pkcs11::TokenBackend> token;
};

INSTANTIATE_TEST_SUITE_P(Tpm2Pkcs11, KeyBackendContract,
                         ::testing::Values(ContractParameter{
                             "Tpm2Pkcs11", [] { return std::make_unique<Tpm2UnderTest>(); },
                             Capabilities{
                                 .hmac = false, .aead = false, .imports = false, .keeps_to_usage = true}}),
                         ContractName);

}  // namespace
}  // namespace aziot::keyd::testing
