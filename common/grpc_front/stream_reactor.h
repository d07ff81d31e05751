// A watch: one request, then the newest value at once and after every change, until the client cancels or the
// connection ends. Values the client was too slow for are skipped.
#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include <functional>

#include "common/rpc/endpoint.h"

namespace aziot::grpc_front {

struct NewStream {
  grpc::ServerGenericBidiReactor* reactor;  // deletes itself; calls `ended` as its last act
  std::function<void()> stop;  // ends the watch as soon as no write is under way; any thread, any time
};
NewStream MakeStream(rpc::Endpoint& endpoint, grpc::GenericCallbackServerContext& context,
                     std::function<void()> ended);

}  // namespace aziot::grpc_front
