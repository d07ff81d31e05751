// KeyService over keyd's socket.
#pragma once

#include <string>

#include "common/client/client.h"
#include "identityd/attestation/key_service.h"

namespace aziot::identityd {

class KeydKeys final : public KeyService {
 public:
  // `keyd` speaks api-version 2021-05-01.
  explicit KeydKeys(client::Client& keyd) : keyd_(keyd) {}

  absl::StatusOr<std::string> Load(absl::string_view id) override;
  absl::StatusOr<std::string> LoadOrCreate(absl::string_view id) override;
  absl::StatusOr<std::string> Derive(absl::string_view base_handle, absl::string_view data) override;
  absl::StatusOr<Secret> Export(absl::string_view handle) override;
  absl::StatusOr<Bytes> HmacSha256(absl::string_view handle, absl::string_view message) override;

 private:
  client::Client& keyd_;
};

}  // namespace aziot::identityd
