// A worker's main: makes the backend keyd asks for and serves its calls until keyd is gone. The process has
// no other purpose, and does not outlive keyd even when the module it runs hangs.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "keyd/backend/key_backend.h"
#include "keyd/backend/worker/login_record.h"
#include "keyd/backend/worker/messages.h"

namespace aziot::keyd::worker {

// Makes the backend; called once. A refusal is what keyd gives as the reason why it does not start. `record`
// outlives the backend.
using Factory =
    std::function<absl::StatusOr<std::unique_ptr<KeyBackend>>(const v1::Setup& setup, LoginRecord& record)>;

// In a program that keyd started as a worker, first thing after main has protected its memory. Never
// returns.
[[noreturn]] void ServeWorker(const Factory& factory);

}  // namespace aziot::keyd::worker
