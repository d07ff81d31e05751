// The one table that joins the proto to the code. Both fronts find a MethodDescriptor, make its typed
// request, and call here; types are checked once, at start.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/rpc/call_context.h"
#include "common/rpc/feed.h"
#include "common/status/status_macros.h"

namespace aziot::rpc {

using Reply = absl::StatusOr<std::unique_ptr<google::protobuf::Message>>;

class Dispatcher {
 public:
  using Handler = std::function<Reply(const CallContext&, const google::protobuf::Message&)>;
  using StreamHandler = std::function<absl::StatusOr<std::shared_ptr<Feed>>(
      const CallContext&, const google::protobuf::Message&)>;

  // `method` is the rpc's full name ("aziot.keys.v1.Keys.Sign"). A name the proto does not know, or other
  // types than it declares, end the process: our own mistake, and the first test of the daemon meets it.
  // `service` must outlive the dispatcher.
  template <class Service, class In, class Out>
  void Add(absl::string_view method, Service& service,
           absl::StatusOr<Out> (Service::*run)(const CallContext&, const In&)) {
    AddUnary(method, In::descriptor(), Out::descriptor(),
             [&service, run](const CallContext& call, const google::protobuf::Message& in) -> Reply {
               ASSIGN_OR_RETURN(Out out, (service.*run)(call, static_cast<const In&>(in)));
               return std::make_unique<Out>(std::move(out));
             });
  }
  // A server-streaming rpc whose values are messages of type Out.
  template <class Out, class Service, class In>
  void AddStream(absl::string_view method, Service& service,
                 absl::StatusOr<std::shared_ptr<Feed>> (Service::*run)(const CallContext&, const In&)) {
    AddStreaming(method, In::descriptor(), Out::descriptor(),
                 [&service, run](const CallContext& call, const google::protobuf::Message& in) {
                   return (service.*run)(call, static_cast<const In&>(in));
                 });
  }

  // Ends the process when an rpc of a service with at least one handler has none.
  void CheckComplete() const;

  // nullptr when there is no handler.
  const Handler* Find(const google::protobuf::MethodDescriptor* method) const;
  const StreamHandler* FindStream(const google::protobuf::MethodDescriptor* method) const;
  // Services that have handlers, in the order they were added.
  const std::vector<const google::protobuf::ServiceDescriptor*>& services() const { return services_; }

 private:
  void AddUnary(absl::string_view method, const google::protobuf::Descriptor* in,
                const google::protobuf::Descriptor* out, Handler handler);
  void AddStreaming(absl::string_view method, const google::protobuf::Descriptor* in,
                    const google::protobuf::Descriptor* out, StreamHandler handler);
  const google::protobuf::MethodDescriptor* Checked(absl::string_view method,
                                                    const google::protobuf::Descriptor* in,
                                                    const google::protobuf::Descriptor* out, bool streaming);

  absl::flat_hash_map<const google::protobuf::MethodDescriptor*, Handler> handlers_;
  absl::flat_hash_map<const google::protobuf::MethodDescriptor*, StreamHandler> streams_;
  std::vector<const google::protobuf::ServiceDescriptor*> services_;
};

}  // namespace aziot::rpc
