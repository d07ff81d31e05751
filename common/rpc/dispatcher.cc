#include "common/rpc/dispatcher.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "common/log/log.h"

namespace aziot::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

[[noreturn]] void Mistake(absl::string_view method, absl::string_view what) {
  log::Error("rpc {}: {}", method, what);
  std::abort();
}

}  // namespace

const MethodDescriptor* Dispatcher::Checked(absl::string_view method, const Descriptor* in,
                                            const Descriptor* out, bool streaming) {
  const MethodDescriptor* rpc = DescriptorPool::generated_pool()->FindMethodByName(std::string(method));
  if (rpc == nullptr) Mistake(method, "not in any proto");
  if (rpc->input_type() != in || rpc->output_type() != out) Mistake(method, "its handler has other types");
  if (rpc->client_streaming() || rpc->server_streaming() != streaming)
    Mistake(method, "its handler is of another kind");
  if (Find(rpc) != nullptr || FindStream(rpc) != nullptr) Mistake(method, "has a handler already");
  if (std::find(services_.begin(), services_.end(), rpc->service()) == services_.end()) {
    services_.push_back(rpc->service());
  }
  return rpc;
}

void Dispatcher::AddUnary(absl::string_view method, const Descriptor* in, const Descriptor* out,
                          Handler handler) {
  handlers_[Checked(method, in, out, false)] = std::move(handler);
}

void Dispatcher::AddStreaming(absl::string_view method, const Descriptor* in, const Descriptor* out,
                              StreamHandler handler) {
  streams_[Checked(method, in, out, true)] = std::move(handler);
}

void Dispatcher::CheckComplete() const {
  for (const ServiceDescriptor* service : services_) {
    for (int i = 0; i < service->method_count(); ++i) {
      const MethodDescriptor* rpc = service->method(i);
      if (Find(rpc) == nullptr && FindStream(rpc) == nullptr) Mistake(rpc->full_name(), "has no handler");
    }
  }
}

const Dispatcher::Handler* Dispatcher::Find(const MethodDescriptor* method) const {
  const auto found = handlers_.find(method);
  return found == handlers_.end() ? nullptr : &found->second;
}

const Dispatcher::StreamHandler* Dispatcher::FindStream(const MethodDescriptor* method) const {
  const auto found = streams_.find(method);
  return found == streams_.end() ? nullptr : &found->second;
}

}  // namespace aziot::rpc
