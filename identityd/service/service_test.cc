#include <gtest/gtest.h>

#include "common/rpc/rest.h"
#include "common/rpc/wire_status.h"
#include "common/testing/manual_clock.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "identityd/attestation/testing/fake_key_service.h"
#include "identityd/modules/fake_hub_registry.h"
#include "identityd/modules/reconciler.h"
#include "identityd/service/identity_service.h"

namespace aziot::identityd {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;

constexpr uid_t kRoot = 0, kEdge = 64001, kModule = 64002, kDeviceUser = 64003, kLocal = 64004,
                kUnknown = 64009;
constexpr char kVersion[] = "api-version=2020-09-01";

class FixedSource final : public ProvisioningSource {
 public:
  explicit FixedSource(absl::StatusOr<Assignment> answer) : answer_(std::move(answer)) {}
  std::string fingerprint() const override { return "fixed"; }
  Credential credential() const override { return {}; }
  absl::StatusOr<Assignment> Provision() override { return answer_; }

 private:
  const absl::StatusOr<Assignment> answer_;
};

Assignment TheDevice() {
  return {.device = {.hub_name = "h.azure-devices.net",
                     .gateway_host = "h.azure-devices.net",
                     .device_id = "dev1",
                     .credential = {.kind = Credential::Kind::kSas, .key_id = "device-id", .cert_id = ""}},
          .trust_bundle = ""};
}

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() {
    keyd_.Put("device-id", FakeKeyService::CountingKey());
    EXPECT_THAT(store_.Open(), IsOk());
  }
  ~ServiceTest() override {
    if (lifecycle_) lifecycle_->Stop();
  }

  void Start(absl::StatusOr<Assignment> assignment) {
    const auto principals = Principals::Make(
        {{.uid = kEdge, .name = "aziot-edge", .idtypes = {}, .local = {}},
         {.uid = kModule, .name = "m1", .idtypes = IdTypes{.module = true}, .local = {}},
         {.uid = kDeviceUser, .name = "d", .idtypes = IdTypes{.device = true, .module = true}, .local = {}},
         {.uid = kLocal, .name = "loc", .idtypes = IdTypes{.local = true}, .local = {}}},
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
};

struct WireCase {
  const char* name;
  uid_t uid;
  const char* method;
  const char* target;
  const char* body;
  const char* type;
  int status;
  const char* text;
};
class Acceptance : public ServiceTest, public ::testing::WithParamInterface<WireCase> {};

TEST_P(Acceptance, AnswersAsThePagesSay) {
  Start(TheDevice());
  hub_.Put("existing", "9");
  const WireCase& c = GetParam();
  const http::Response response = Ask(c.uid, c.method, c.target, c.body, c.type);
  EXPECT_EQ(response.status, c.status) << response.body;
  EXPECT_THAT(response.body, HasSubstr(c.text));
}
constexpr char kJson[] = "application/json";
INSTANTIATE_TEST_SUITE_P(
    All, Acceptance,
    ::testing::Values(
        WireCase{"NoVersion", kRoot, "GET", "/identities/identity", "", kJson, 400,
                 "api-version not specified"},
        WireCase{"Preview", kRoot, "GET", "/identities/identity?api-version=2020-09-01-preview", "", kJson,
                 400, R"(invalid api-version \"2020-09-01-preview\")"},
        WireCase{"InfoTooOld", kRoot, "GET", "/identities/provisioning?api-version=2020-09-01", "", kJson,
                 404, "not found"},
        WireCase{"Info", kUnknown, "GET", "/identities/provisioning?api-version=2021-12-01", "", kJson, 200,
                 R"({"source":"manual","auth":"sas"})"},
        WireCase{"Head", kRoot, "HEAD", "/identities/identity?api-version=2020-09-01", "", kJson, 400, ""},
        WireCase{"UnknownCaller", kUnknown, "GET", "/identities/identity?api-version=2020-09-01", "", kJson,
                 401, R"({"message":"authorization error"})"},
        WireCase{"TrustBundle", kUnknown, "GET", "/trust-bundle?api-version=2020-09-01", "", kJson, 200,
                 R"({"certificate":""})"},
        WireCase{"ListNoType", kRoot, "GET", "/identities/modules?api-version=2020-09-01", "", kJson, 400,
                 R"(parameter \"type\" has an invalid value\ncaused by: missing parameter)"},
        WireCase{"ListNoTypeUnknown", kUnknown, "GET", "/identities/modules?api-version=2020-09-01", "",
                 kJson, 401, ""},
        WireCase{"UpdateTextPlain", kRoot, "PUT", "/identities/modules/m1?api-version=2020-09-01&type=aziot",
                 "{}", "text/plain", 415, ""},
        WireCase{"UpdateEmpty", kRoot, "PUT", "/identities/modules/m1?api-version=2020-09-01&type=aziot", "",
                 kJson, 422, ""},
        WireCase{"UpdateEmptyUnknown", kUnknown, "PUT",
                 "/identities/modules/m1?api-version=2020-09-01&type=aziot", "", kJson, 422, ""},
        WireCase{"DeviceNoType", kRoot, "POST", "/identities/device?api-version=2020-09-01", "{}", kJson, 422,
                 ""},
        WireCase{
            "DeviceEmptyType", kRoot, "POST", "/identities/device?api-version=2020-09-01", R"({"type":""})",
            kJson, 200,
            R"({"type":"aziot","spec":{"hubName":"h.azure-devices.net","gatewayHost":"h.azure-devices.net",)"
            R"("deviceId":"dev1","auth":{"type":"sas","keyHandle":")"},
        WireCase{"DeleteLocal", kRoot, "DELETE", "/identities/modules/m1?api-version=2020-09-01&type=local",
                 "", kJson, 400, "invalid type: local"},
        WireCase{"CreateExisting", kRoot, "POST", "/identities/modules?api-version=2020-09-01",
                 R"({"type":"aziot","moduleId":"existing"})", kJson, 404,
                 R"(Hub client error\ncaused by: Module)"},
        WireCase{"CreateBlank", kRoot, "POST", "/identities/modules?api-version=2020-09-01",
                 R"({"type":"aziot","moduleId":" "})", kJson, 400, "module name cannot be empty"},
        WireCase{"CreateOther", kRoot, "POST", "/identities/modules?api-version=2020-09-01",
                 R"({"type":"x","moduleId":"a"})", kJson, 400, "invalid type: x"},
        WireCase{"LocalOptions", kRoot, "POST", "/identities/modules?api-version=2020-09-01",
                 R"({"type":"local","moduleId":"a","localIdOpts":{"type":"x509","attributes":"both"}})",
                 kJson, 422, ""},
        WireCase{"LocalExists", kRoot, "POST", "/identities/modules?api-version=2020-09-01",
                 R"({"type":"local","moduleId":"loc"})", kJson, 400, "local identity for loc already exists"},
        WireCase{"LocalUnknown", kRoot, "GET", "/identities/modules/m1?api-version=2020-09-01&type=local", "",
                 kJson, 400, "local identity for m1 doesn't exist"},
        WireCase{"LocalWithoutCertd", kLocal, "GET", "/identities/identity?api-version=2020-09-01", "", kJson,
                 500, "internal error"},
        WireCase{"GetUnknownModule", kRoot, "GET",
                 "/identities/modules/nope?api-version=2020-09-01&type=aziot", "", kJson, 404,
                 R"(Hub client error\ncaused by: )"},
        WireCase{"GetForeignModule", kModule, "GET", "/identities/modules/d?api-version=2020-09-01", "",
                 kJson, 401, ""},
        WireCase{
            "OwnIdentity", kModule, "GET", "http://foo/identities/identity?api-version=2020-09-01", "", kJson,
            200,
            R"("moduleId":"m1","genId":"g1","auth":{"type":"sas","keyHandle":"derived:m1:g1:primary"}})"},
        WireCase{"DeviceBeforeModule", kDeviceUser, "GET", "/identities/identity?api-version=2020-09-01", "",
                 kJson, 200, R"("deviceId":"dev1","auth")"},
        WireCase{"ModuleReprovisions", kModule, "POST",
                 "/identities/device/reprovision?api-version=2020-09-01", "", kJson, 401, ""},
        WireCase{"EdgeReprovisions", kEdge, "POST", "/identities/device/reprovision?api-version=2020-09-01",
                 R"({"type":"aziot"})", kJson, 204, ""},
        WireCase{
            "Status", kUnknown, "GET", "/status?api-version=2026-12-01", "", kJson, 200,
            R"({"provisioning":"provisioned","hubName":"h.azure-devices.net","deviceId":"dev1","reconciliation":"done"})"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(ServiceTest, AModuleLivesFromCreateToDelete) {
  Start(TheDevice());
  EXPECT_EQ(
      Ask(kEdge, "POST", Path("/identities/modules"), R"({"type":"aziot","moduleId":"$edgeAgent"})").status,
      200);
  const http::Response list = Ask(kEdge, "GET", Path("/identities/modules", "&type=aziot"));
  EXPECT_THAT(list.body, HasSubstr(R"("moduleId":"$edgeAgent","genId":"g2"}})"));
  EXPECT_EQ(Ask(kEdge, "PUT", Path("/identities/modules/$edgeAgent", "&type=aziot"), "{}").status, 200);
  EXPECT_THAT(Ask(kEdge, "GET", Path("/identities/modules/%24edgeAgent", "&type=aziot")).body,
              HasSubstr("derived:$edgeAgent:g2:primary"));
  const http::Response gone = Ask(kEdge, "DELETE", Path("/identities/modules/$edgeAgent", "&type=aziot"));
  EXPECT_EQ(gone.status, 204);
  EXPECT_EQ(gone.body, "");
  EXPECT_EQ(Ask(kEdge, "GET", Path("/identities/modules/$edgeAgent", "&type=aziot")).status, 404);
}

TEST_F(ServiceTest, AKnownModuleNeedsNeitherHubNorKeyd) {
  Start(TheDevice());
  ASSERT_EQ(Ask(kModule, "GET", Path("/identities/identity")).status, 200);
  hub_.Fail(FakeHubRegistry::Away());
  keyd_.set_away(true);
  EXPECT_EQ(Ask(kModule, "GET", Path("/identities/identity")).status, 200);
  const http::Response device = Ask(kDeviceUser, "POST", Path("/identities/device"), R"({"type":"aziot"})");
  EXPECT_EQ(device.status, 404);
  EXPECT_THAT(device.body, HasSubstr("Key client error\\ncaused by: "));
}

TEST_F(ServiceTest, AFailedProvisioningIsA404OfDps) {
  Start(Blame(Party::kDps, Reason::kNetwork, absl::UnavailableError("connect failed")));
  const http::Response device = Ask(kRoot, "POST", Path("/identities/device"), R"({"type":"aziot"})");
  EXPECT_EQ(device.status, 404);
  EXPECT_EQ(device.body, R"({"message":"DPS client error\ncaused by: connect failed"})");
  EXPECT_EQ(Ask(kRoot, "GET", Path("/trust-bundle")).status, 200);
}

TEST_F(ServiceTest, AMethodThatIsMissingIsNamed) {
  Start(absl::UnimplementedError("provisioning.attestation.method = \"x509\" is not supported yet"));
  const http::Response device = Ask(kRoot, "POST", Path("/identities/device"), R"({"type":"aziot"})");
  EXPECT_EQ(device.status, 404);
  EXPECT_THAT(device.body, HasSubstr("is not supported yet"));
  EXPECT_THAT(Ask(kRoot, "GET", "/status?api-version=2026-12-01").body, HasSubstr("is not supported yet"));
}

TEST_F(ServiceTest, AWatchIsToldOfDeletionAndRecreation) {
  Start(TheDevice());
  const auto* method = google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(
      "aziot.identity.v1.Identities.WatchIdentity");
  rpc::CallContext context(net::Peer{.uid = kModule}, "2026-12-01", absl::InfiniteFuture());
  context.RunOn(Lane::Peers());
  const auto feed = (*dispatcher_.FindStream(method))(context, identity::v1::WatchIdentityRequest());
  ASSERT_THAT(feed, IsOk());
  const auto generation = [&] {
    const rpc::Feed::Value value = (*feed)->Get().first;
    return static_cast<const identity::v1::WatchIdentityReply&>(*value).identity().spec().gen_id();
  };
  const auto becomes = [&](const std::string& wanted) {
    for (int i = 0; i < 500 && generation() != wanted; ++i) absl::SleepFor(absl::Milliseconds(10));
    return generation() == wanted;
  };
  EXPECT_EQ(generation(), "g1");
  ASSERT_EQ(Ask(kRoot, "DELETE", Path("/identities/modules/m1", "&type=aziot")).status, 204);
  EXPECT_TRUE(becomes(""));
  ASSERT_EQ(Ask(kRoot, "POST", Path("/identities/modules"), R"({"type":"aziot","moduleId":"m1"})").status,
            200);
  EXPECT_TRUE(becomes("g2"));

  // A change that keyd could not be asked about is told later.
  keyd_.set_away(true);
  const int calls = keyd_.calls();
  hub_.Put("m1", "g9");
  clock_.Advance(absl::Minutes(2));
  Ask(kModule, "GET", Path("/identities/identity"));
  for (int i = 0; i < 500 && keyd_.calls() == calls; ++i) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_GT(keyd_.calls(), calls);
  keyd_.set_away(false);
  for (int i = 0; i < 500 && generation() != "g9"; ++i) {
    clock_.Advance(absl::Seconds(5));
    absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_EQ(generation(), "g9");

  rpc::CallContext stranger(net::Peer{.uid = kUnknown}, "2026-12-01", absl::InfiniteFuture());
  stranger.RunOn(Lane::Peers());
  EXPECT_EQ((*dispatcher_.FindStream(method))(stranger, identity::v1::WatchIdentityRequest()).status().code(),
            absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace aziot::identityd
