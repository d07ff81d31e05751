// Key material and passwords. A Secret wipes itself, moves but does not copy, compares in constant time and
// cannot be printed; its bytes live in memory that is locked and left out of core dumps where the system
// allows it. Searching for `Expose(` lists every place that touches key material.
#pragma once

#include <cstddef>
#include <ostream>
#include <utility>

#include "absl/strings/string_view.h"
#include "common/bytes/bytes.h"

namespace aziot {

class Secret {
 public:
  Secret() = default;
  // Copies `bytes`; the caller wipes its own copy (see Secret::Take for one that does).
  explicit Secret(BytesView bytes);
  // `size` zero bytes, to be filled through ExposeForWriting.
  static Secret OfSize(size_t size);
  // Moves the content of `bytes` in and wipes what was there.
  static Secret Take(Bytes&& bytes);
  static Secret Take(std::string&& text);

  Secret(Secret&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Secret& operator=(Secret&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  // A second holder of the same material, where one is truly needed.
  Secret Clone() const { return Secret(Expose()); }

  BytesView Expose() const { return {data_, size_}; }
  absl::string_view ExposeText() const { return ToText(Expose()); }
  std::span<uint8_t> ExposeForWriting() { return {data_, size_}; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  friend bool operator==(const Secret& a, const Secret& b);
  friend std::ostream& operator<<(std::ostream&, const Secret&) = delete;

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

// Constant time in the content; the lengths are compared first.
bool ConstantTimeEqual(BytesView a, BytesView b);

// Locks an arena for secrets into memory, out of core dumps, and turns core dumps of the process off. Called
// once, first thing in main; without it (or when the system refuses) secrets live in ordinary memory and are
// still wiped.
void ProtectSecretMemory();

}  // namespace aziot
