// keyd's services over a fake backend, called as the Dispatcher's fronts call them. For tests only.
#pragma once

#include <gmock/gmock.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "aziot/keys/v1/keys.pb.h"
#include "common/rpc/call_context.h"
#include "common/rpc/wire_status.h"
#include "keyd/backend/testing/fake_backend.h"
#include "keyd/handles/key_handles.h"
#include "keyd/service/access_gate.h"
#include "keyd/service/derived_keys.h"
#include "keyd/service/key_pairs.h"
#include "keyd/service/operations.h"
#include "keyd/service/symmetric_keys.h"

namespace aziot::keyd {

constexpr uid_t kRoot = 0;
constexpr uid_t kAgent = 64001;     // may name agent-*
constexpr uid_t kStranger = 64002;  // may name nothing

class ServiceFixture : public ::testing::Test {
 protected:
  // Runs a method as the server does: again on the lane it asks for.
  template <class Service, class In, class Out>
  absl::StatusOr<Out> Call(Service& service,
                           absl::StatusOr<Out> (Service::*method)(const rpc::CallContext&, const In&),
                           const In& request, uid_t uid = kRoot) {
    rpc::CallContext call({.uid = uid}, "2021-05-01", absl::InfiniteFuture());
    moves_ = 0;
    absl::StatusOr<Out> reply = (service.*method)(call, request);
    while (rpc::CallContext::IsMark(reply.status()) && moves_ < 5) {
      ++moves_;
      lane_ = call.wanted();
      call.RunOn(lane_);
      reply = (service.*method)(call, request);
    }
    return reply;
  }

  std::string CreateKey(absl::string_view id, absl::string_view bytes = "0123456789abcdef0123456789abcdef") {
    keys::v1::CreateKeyRequest request;
    request.set_key_id(std::string(id));
    request.set_key_bytes(std::string(bytes));
    request.set_usage("derive,sign,encrypt");
    return Call(symmetric_keys_, &SymmetricKeys::CreateKey, request)->key_handle();
  }
  std::string CreatePair(absl::string_view id, absl::string_view algorithms = "ec-p256") {
    keys::v1::CreateKeyPairRequest request;
    request.set_key_id(std::string(id));
    request.set_preferred_algorithms(std::string(algorithms));
    return Call(key_pairs_, &KeyPairs::CreateKeyPair, request)->key_handle();
  }
  std::string Derive(absl::string_view base, absl::string_view data = "module:gen:primary") {
    keys::v1::CreateDerivedKeyRequest request;
    request.set_base_key_handle(std::string(base));
    request.set_derivation_data(std::string(data));
    return Call(derived_keys_, &DerivedKeys::CreateDerivedKey, request)->key_handle();
  }

  testing::FakeBackend backend_;
  KeyHandles handles_{backend_};
  AccessGate access_{access::AccessRules({{kAgent, {"agent-*"}}})};
  SymmetricKeys symmetric_keys_{backend_, handles_, access_};
  KeyPairs key_pairs_{backend_, handles_, access_};
  DerivedKeys derived_keys_{backend_, handles_};
  Operations operations_{backend_, handles_};
  int moves_ = 0;  // of the last call, and where to
  Lane lane_ = Lane::Inline();
};

// Of a Status or StatusOr: what the caller reads.
MATCHER_P2(Answers, http, text, absl::StrCat("answers ", http, " ", text)) {
  const rpc::WireStatus wire = rpc::ToWire(arg.status());
  *result_listener << "which answers " << wire.http << " " << wire.message;
  return wire.http == http && wire.message == text;
}

inline std::string Invalid(absl::string_view name, absl::string_view cause) {
  return absl::StrCat("parameter \"", name, "\" has an invalid value\ncaused by: ", cause);
}
inline const char kBadParameter[] = "a parameter has an invalid value";
inline const char kInternal[] = "internal error";

template <class Request = keys::v1::KeyHandle>
Request WithHandle(absl::string_view handle) {
  Request request;
  request.set_key_handle(std::string(handle));
  return request;
}

}  // namespace aziot::keyd
