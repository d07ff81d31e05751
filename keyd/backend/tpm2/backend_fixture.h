// For tests: a backend over a TPM of their own, and the tools other programs use it with.
#pragma once

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/openssl/hashed_name.h"
#include "common/testing/status_matchers.h"
#include "common/testing/swtpm.h"
#include "common/testing/temp_dir.h"
#include "keyd/backend/tpm2/tpm_backend.h"
#include "keyd/tpm/fake_tcti.h"
#include "keyd/tpm/tpm.h"

namespace aziot::keyd::tpm2 {

constexpr KeyUsage kSign{.sign = true};
constexpr KeyUsage kEncrypt{.encrypt = true};
constexpr KeyAlgorithm kEc[] = {KeyAlgorithm::kEcP256};
constexpr KeyAlgorithm kRsa[] = {KeyAlgorithm::kRsa2048};

class BackendFixture : public ::testing::Test {
 protected:
  std::shared_ptr<tpm::Tpm> NewTpm(absl::Duration patience = absl::Seconds(30)) {
    tpm::TpmOptions options{.tcti = swtpm_.tcti(), .patience = patience};
    options.open = [faults = faults_](const std::string& resolved) {
      return tpm::FakeTcti::Open(resolved, faults);
    };
    return tpm::Tpm::New(std::move(options));
  }
  TpmBackendOptions Options() { return {.tpm = NewTpm(), .directory = dir_.Join("home/keys")}; }
  std::unique_ptr<TpmBackend> Open() { return TpmBackend::Open(Options()); }

  std::string PathOf(const KeyId& id) const {
    return absl::StrCat(dir_.Join("home/keys/"), openssl::HashedName(id.value()), ".tpm");
  }
  void Put(const std::string& path, absl::string_view content) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << content;
  }
  static std::string Content(const std::string& path) { return files::Read(path).value_or("(absent)"); }

  // A shell command in the test's directory, with `$TPM2TOOLS_TCTI` and `$TPM2OPENSSL_TCTI` set. What it
  // writes is shown when it fails.
  ::testing::AssertionResult Run(const std::string& command) {
    const std::string line =
        absl::StrCat("cd ", dir_.path(), " && export TPM2TOOLS_TCTI='", swtpm_.tcti(), "' TPM2OPENSSL_TCTI='",
                     swtpm_.tcti(), "' && { ", command, "; } > output 2>&1");
    if (std::system(line.c_str()) == 0) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << command << ": " << Content(dir_.Join("output"));
  }

  aziot::testing::Swtpm swtpm_;
  const aziot::testing::TempDir dir_;
  const std::shared_ptr<tpm::Faults> faults_ = std::make_shared<tpm::Faults>();
  const KeyId id_ = *KeyId::Parse("device-id");
  const KeyId other_ = *KeyId::Parse("device-id-temp");
};

}  // namespace aziot::keyd::tpm2
