// keyd for tests, in the process: the same derivation and MAC over keys that the test gave.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/openssl/digest.h"
#include "identityd/attestation/failure.h"
#include "identityd/attestation/key_service.h"

namespace aziot::identityd {

class FakeKeyService final : public KeyService {
 public:
  void Put(const std::string& id, Bytes key) {
    std::lock_guard lock(mutex_);
    keys_["key:" + id] = std::move(key);
  }
  void Remove(const std::string& id) {
    std::lock_guard lock(mutex_);
    keys_.erase("key:" + id);
  }
  void set_away(bool away) {
    std::lock_guard lock(mutex_);
    away_ = away;
  }
  // Every call fails like this until it is set to OK.
  void Fail(absl::Status status) {
    std::lock_guard lock(mutex_);
    failure_ = std::move(status);
  }
  int calls() const {
    std::lock_guard lock(mutex_);
    return calls_;
  }
  static Bytes CountingKey() {
    Bytes key(32);
    for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<uint8_t>(i);
    return key;
  }

  absl::StatusOr<std::string> Load(absl::string_view id) override { return Handle(absl::StrCat("key:", id)); }
  absl::StatusOr<std::string> LoadOrCreate(absl::string_view id) override {
    absl::StatusOr<std::string> handle = Load(id);
    if (handle.ok() || ReasonOf(handle.status()) == Reason::kNetwork) return handle;
    Put(std::string(id), Bytes(32, 7));
    return Load(id);
  }
  absl::StatusOr<std::string> Derive(absl::string_view base_handle, absl::string_view data) override {
    const absl::StatusOr<std::string> base = Handle(std::string(base_handle));
    if (!base.ok()) return base;
    const std::string handle = absl::StrCat("derived:", data);
    std::lock_guard lock(mutex_);
    const auto mac = openssl::HmacSha256(keys_[*base], ToBytesView(data));
    keys_[handle] = Bytes(mac.begin(), mac.end());
    return handle;
  }
  absl::StatusOr<Secret> Export(absl::string_view handle) override {
    const absl::StatusOr<std::string> found = Handle(std::string(handle));
    if (!found.ok()) return found.status();
    std::lock_guard lock(mutex_);
    return Secret(keys_[*found]);
  }
  absl::StatusOr<Bytes> HmacSha256(absl::string_view handle, absl::string_view message) override {
    const absl::StatusOr<std::string> found = Handle(std::string(handle));
    if (!found.ok()) return found.status();
    std::lock_guard lock(mutex_);
    const auto mac = openssl::HmacSha256(keys_[*found], ToBytesView(message));
    return Bytes(mac.begin(), mac.end());
  }

 private:
  absl::StatusOr<std::string> Handle(const std::string& handle) {
    std::lock_guard lock(mutex_);
    ++calls_;
    if (away_) return Blame(Party::kKeys, Reason::kNetwork, absl::UnavailableError("keyd is not there"));
    if (!failure_.ok()) return failure_;
    if (keys_.contains(handle)) return handle;
    return Blame(Party::kKeys, Reason::kOther, absl::NotFoundError("no such key"));
  }

  mutable std::mutex mutex_;
  std::map<std::string, Bytes> keys_;
  bool away_ = false;
  absl::Status failure_;
  int calls_ = 0;
};

}  // namespace aziot::identityd
