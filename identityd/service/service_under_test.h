// For tests: the service over a device whose source, hub and keys are in the process, asked the way both the
// REST front and the lanes do.
#pragma once

#include <gtest/gtest.h>

#include "common/rpc/rest.h"
#include "common/testing/manual_clock.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "identityd/attestation/testing/fake_key_service.h"
#include "identityd/modules/fake_hub_registry.h"
#include "identityd/modules/reconciler.h"
#include "identityd/service/identity_service.h"

namespace aziot::identityd {

inline constexpr uid_t kRoot = 0, kEdge = 64001, kModule = 64002, kDeviceUser = 64003, kLocal = 64004,
                       kNothing = 64005, kUnknown = 64009;
inline constexpr char kVersion[] = "api-version=2020-09-01";

class FixedSource final : public ProvisioningSource {
 public:
  explicit FixedSource(absl::StatusOr<Assignment> answer) : answer_(std::move(answer)) {}
  std::string fingerprint() const override { return "fixed"; }
  Credential credential() const override { return {}; }
  absl::StatusOr<Assignment> Provision() override { return answer_; }

 private:
  const absl::StatusOr<Assignment> answer_;
};

inline Assignment TheDevice() {
  return {.device = {.hub_name = "h.azure-devices.net",
                     .gateway_host = "h.azure-devices.net",
                     .device_id = "dev1",
                     .credential = {.kind = Credential::Kind::kSas, .key_id = "device-id", .cert_id = ""}},
          .trust_bundle = "",
          .payload = "",
          .substatus = ""};
}

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() {
    keyd_.Put("device-id", FakeKeyService::CountingKey());
    EXPECT_THAT(store_.Open(), testing::IsOk());
  }
  ~ServiceTest() override {
    if (lifecycle_) lifecycle_->Stop();
  }

  void Start(absl::StatusOr<Assignment> assignment) {
    const auto principals = Principals::Make(
        {{.uid = kEdge, .name = "aziot-edge", .idtypes = {}, .local = {}},
         {.uid = kModule, .name = "m1", .idtypes = IdTypes{.module = true}, .local = {}},
         {.uid = kDeviceUser, .name = "d", .idtypes = IdTypes{.device = true, .module = true}, .local = {}},
         {.uid = kLocal, .name = "loc", .idtypes = IdTypes{.local = true}, .local = {}},
         {.uid = kNothing, .name = "nothing", .idtypes = IdTypes{}, .local = {}}},
        {.has_localid = true});
    auto settings = std::make_shared<ServiceSettings>();
    settings->principals = *principals;
    settings->provisioning.set_source("manual");
    settings->provisioning.mutable_authentication()->set_method("sas");
    lifecycle_ = std::make_unique<Lifecycle>(
        Lifecycle::Settings{
            .source = std::make_shared<FixedSource>(std::move(assignment)), .modules = {"m1"}, .text = ""},
        std::set<std::string>(),
        Lifecycle::Steps{.adopt = [this](const DeviceIdentity& device) { modules_.Adopt(device); },
                         .reconcile =
                             [this](const Lifecycle::ModulePass& pass) {
                               return Reconciler(modules_, module_keys_)
                                   .Run(pass.device, {.wanted = pass.wanted,
                                                      .previous = pass.previous,
                                                      .verify_keys = pass.verify_keys});
                             }},
        store_, changes_, clock_);
    service_ = std::make_unique<IdentityService>(IdentityService::Parts{.lifecycle = *lifecycle_,
                                                                        .device_key = device_key_,
                                                                        .modules = modules_,
                                                                        .module_keys = module_keys_,
                                                                        .certd = certd_,
                                                                        .changes = changes_,
                                                                        .clock = clock_},
                                                 settings);
    service_->Register(dispatcher_);
    dispatcher_.CheckComplete();
    rest_ = std::make_unique<rpc::RestApi>(dispatcher_);
    lifecycle_->Start();
    const auto over = [this] {
      const Lifecycle::View view = lifecycle_->Look();
      return view.reconciliation != "pending" || view.next_attempt.has_value();
    };
    for (int i = 0; i < 500 && !over(); ++i) absl::SleepFor(absl::Milliseconds(10));
  }

  // One request the way both the REST front and the lanes treat it.
  http::Response Ask(uid_t uid, absl::string_view method, absl::string_view target,
                     absl::string_view body = "", absl::string_view type = "application/json") {
    http::Request request{.method = std::string(method),
                          .target = std::string(target),
                          .headers = {},
                          .body = std::string(body)};
    request.headers.Add("Content-Type", type);
    const absl::StatusOr<rpc::RestCall> call = rest_->Parse(request);
    if (!call.ok()) return rpc::RestApi::FormatError(call.status());
    rpc::CallContext context(net::Peer{.uid = uid}, call->api_version, absl::InfiniteFuture());
    while (true) {
      const rpc::Reply reply = (*dispatcher_.Find(call->method))(context, *call->request);
      if (reply.ok()) return rpc::RestApi::FormatReply(*call, **reply);
      if (!rpc::CallContext::IsMark(reply.status())) return rpc::RestApi::FormatError(reply.status());
      context.RunOn(context.wanted());
      ++moves_;
    }
  }
  static std::string Path(absl::string_view path, absl::string_view more = "") {
    return absl::StrCat(path, "?", kVersion, more);
  }

  const testing::TempDir dir_;
  FakeKeyService keyd_;
  FakeHubRegistry hub_;
  testing::ManualClock clock_;
  IdentityChanges changes_;
  DeviceStore store_{dir_.path()};
  ModuleKeys module_keys_{keyd_};
  ModuleBackups backups_{dir_.path()};
  ModuleIdentities modules_{hub_, module_keys_, backups_, changes_, clock_};
  DeviceKey device_key_{keyd_, clock_};
  client::Client certd_{
      {.socket = "/nowhere", .api_version = "2020-09-01", .timeout = absl::Seconds(1), .retries = 0}};
  std::unique_ptr<Lifecycle> lifecycle_;
  std::unique_ptr<IdentityService> service_;
  rpc::Dispatcher dispatcher_;
  std::unique_ptr<rpc::RestApi> rest_;
  int moves_ = 0;  // to another lane
};

}  // namespace aziot::identityd
