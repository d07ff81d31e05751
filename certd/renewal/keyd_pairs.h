// PairKeys over keyd's socket.
#pragma once

#include "certd/renewal/pair_keys.h"
#include "common/client/client.h"

namespace aziot::certd {

class KeydPairs final : public PairKeys {
 public:
  // `keyd` outlives this. Its user needs a principal in keyd for the ids.
  explicit KeydPairs(client::Client& keyd) : keyd_(keyd) {}

  absl::StatusOr<bool> Holds(const KeyId& id, const EVP_PKEY& key) override;
  absl::Status Move(const KeyId& from, const KeyId& to) override;

 private:
  absl::StatusOr<std::string> Parameter(const std::string& handle, const std::string& name);

  client::Client& keyd_;
};

}  // namespace aziot::certd
