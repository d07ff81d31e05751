// The worker's side of a call: a request becomes a call of the backend, and its result an answer.
#pragma once

#include "keyd/backend/key_backend.h"
#include "keyd/backend/worker/messages.h"

namespace aziot::keyd::worker {

// What is no call of KeyBackend (an unknown function, an id that is none, a word out of range) is answered
// with kInvalidArgument.
void Dispatch(KeyBackend& backend, const v1::Request& request, v1::Answer& answer);

}  // namespace aziot::keyd::worker
