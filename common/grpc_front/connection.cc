#include "common/grpc_front/connection.h"

#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "common/grpc_front/stream_reactor.h"
#include "common/grpc_front/unary_reactor.h"

namespace aziot::grpc_front {

std::unique_ptr<Connection> Connection::New(int fd, std::unique_ptr<rpc::Endpoint> endpoint,
                                            const rpc::GrpcLimits& limits, std::function<void()> at_rest) {
  std::unique_ptr<Connection> connection(new Connection(std::move(endpoint), std::move(at_rest)));
  grpc::ServerBuilder builder;
  builder.RegisterCallbackGenericService(&connection->service_);
  builder.SetMaxReceiveMessageSize(static_cast<int>(limits.receive_bytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, limits.streams_a_connection);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, limits.idle_milliseconds);
  // A local socket has no bandwidth to probe; and frames stay at the size that the meter before us knows.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  // gRPC bounds a message as it came, not what becomes of it.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  connection->server_ = builder.BuildAndStart();
  if (connection->server_ == nullptr) {
    close(fd);
    return nullptr;
  }
  grpc::AddInsecureChannelFromFd(connection->server_.get(), fd);
  return connection;
}

Connection::Connection(std::unique_ptr<rpc::Endpoint> endpoint, std::function<void()> at_rest)
    : endpoint_(std::move(endpoint)), at_rest_(std::move(at_rest)) {}

Connection::~Connection() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
}

bool Connection::Ended() {
  ended_.store(true);
  return calls_.load() == 0;
}

void Connection::CallEnded() {
  // Whoever sees the zero may destroy the connection, but gRPC's shutdown waits until this call is over.
  if (calls_.fetch_sub(1) == 1 && ended_.load()) at_rest_();
}

void Connection::StopWatches() {
  std::vector<std::function<void()>> stops;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, stop] : watches_) stops.push_back(stop);
  }
  for (const std::function<void()>& stop : stops) stop();
}

void Connection::Drain(rpc::Endpoint::Deadline deadline) { server_->Shutdown(deadline); }

grpc::ServerGenericBidiReactor* Connection::Service::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  const rpc::Endpoint& endpoint = *connection_.endpoint_;
  connection_.CallBegan();
  if (endpoint.KindOf(context->method()) != rpc::Endpoint::Kind::kStream) {
    return NewUnaryReactor(*connection_.endpoint_, *context,
                           [connection = &connection_] { connection->CallEnded(); });
  }
  const std::lock_guard lock(connection_.mutex_);
  const uint64_t id = connection_.next_watch_++;
  NewStream stream = MakeStream(*connection_.endpoint_, *context, [connection = &connection_, id] {
    {
      const std::lock_guard end_lock(connection->mutex_);
      connection->watches_.erase(id);
    }
    connection->CallEnded();
  });
  connection_.watches_.emplace(id, std::move(stream.stop));
  return stream.reactor;
}

}  // namespace aziot::grpc_front
