// A call with one request and one reply: read, asked of the endpoint, answered.
#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include <functional>

#include "common/rpc/endpoint.h"

namespace aziot::grpc_front {

// Deletes itself; calls `ended` as its last act.
grpc::ServerGenericBidiReactor* NewUnaryReactor(rpc::Endpoint& endpoint,
                                                grpc::GenericCallbackServerContext& context,
                                                std::function<void()> ended);

}  // namespace aziot::grpc_front
