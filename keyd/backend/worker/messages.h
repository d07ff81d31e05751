// The messages between keyd and a worker, beyond what protobuf knows of them.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "aziot/keys/worker/v1/worker.pb.h"
#include "common/bytes/bytes.h"

namespace aziot::keyd::worker {

namespace v1 = keys::worker::v1;

// What a code and a text on the wire say; kInternal for a code that is none.
absl::Status StatusOf(int32_t code, const std::string& message);

void Assign(BytesView bytes, std::string& field);

void Wipe(v1::Request& request);
void Wipe(v1::Answer& answer);
void Wipe(v1::Setup& setup);

// A message that holds no key or plaintext longer than itself.
template <class Message>
class Wiped {
 public:
  Wiped() = default;
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
  ~Wiped() { Wipe(message_); }

  Message& operator*() { return message_; }
  Message* operator->() { return &message_; }

 private:
  Message message_;
};

}  // namespace aziot::keyd::worker
