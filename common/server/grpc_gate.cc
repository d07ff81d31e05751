#include "common/server/grpc_gate.h"

#include <dlfcn.h>

#include <chrono>
#include <filesystem>
#include <utility>

#include "common/log/log.h"

namespace aziot::server {
namespace {

std::string ModuleOfThisTree() {
  std::error_code ignored;  // without /proc the path is relative, and loading says so
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  return (program.parent_path() / "../../lib/aziot-identity-service/aziot_grpc.so").lexically_normal();
}

}  // namespace

GrpcGate::GrpcGate(std::string module, const rpc::GrpcLimits& limits, GrpcCalls& calls)
    : module_(module.empty() ? ModuleOfThisTree() : std::move(module)), limits_(limits), calls_(calls) {}

rpc::GrpcFront* GrpcGate::Front() {
  const std::lock_guard lock(mutex_);
  if (draining_) return nullptr;
  if (front_ != nullptr) return front_.get();
  // Never unloaded: gRPC keeps threads.
  void* module = dlopen(module_.c_str(), RTLD_NOW | RTLD_LOCAL);
  const auto make =
      module == nullptr ? nullptr : reinterpret_cast<rpc::NewGrpcFront>(dlsym(module, rpc::kGrpcFrontEntry));
  if (make == nullptr) {
    if (!std::exchange(told_, true)) {
      log::Error("gRPC connections are closed: {}; install the module, or set grpc = false", dlerror());
    }
    return nullptr;
  }
  front_.reset(make(limits_));
  return front_.get();
}

void GrpcGate::Serve(net::UniqueFd fd, const net::Peer& peer,
                     std::shared_ptr<const ConnectionCounts::Place> place) {
  rpc::GrpcFront* front = Front();
  if (front == nullptr) return;
  front->Serve(fd.release(), NewGrpcEndpoint(calls_, peer, std::move(place)));
}

void GrpcGate::Drain(std::chrono::milliseconds limit) {
  rpc::GrpcFront* front;
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
    front = front_.get();
  }
  if (front != nullptr) front->Drain(std::chrono::system_clock::now() + limit);
}

}  // namespace aziot::server
