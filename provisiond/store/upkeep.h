// What an operator does to a store that is being served from: is it sound, a copy of it. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace aziot::provisiond::store {

class Upkeep {
 public:
  struct Findings {
    int64_t version = 0;              // of the tables; 0 when it cannot be told
    std::vector<std::string> damage;  // empty: sound
  };

  virtual ~Upkeep() = default;
  // "sqlite"
  virtual absl::string_view engine() const = 0;
  // Of the tables. kFailedPrecondition when an applied migration is not the one known here.
  virtual absl::StatusOr<int64_t> Version() = 0;
  // Reads everything. Damage is a finding and no error.
  virtual absl::StatusOr<Findings> Verify() = 0;
  // Writes a consistent copy to `path`, which must be absolute and not there (kAlreadyExists), and returns
  // its size. kDataLoss when the store is too damaged to give a sound one. Once it returns OK the copy is
  // durable; before, no file is called `path`.
  virtual absl::StatusOr<int64_t> BackUp(absl::string_view path) = 0;
};

}  // namespace aziot::provisiond::store
