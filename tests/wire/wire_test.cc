// Every sample of this folder through both fronts of the real daemons: the same answers, the same classes of
// error.
#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/rpc/rest_rule.h"
#include "tests/wire/replay.h"
#include "tests/wire/samples.h"
#include "tests/wire/typed_call.h"

namespace aziot::tests {
namespace {

absl::StatusOr<Sample> Load(const SampleFile& file) {
  const absl::StatusOr<std::string> text = files::Read(file.path);
  if (!text.ok()) return text.status();
  return ParseSample(*text);
}

class WireTest : public ::testing::TestWithParam<SampleFile> {
 protected:
  static void TearDownTestSuite() { worlds_.clear(); }

  // Started for the first sample that needs it.
  static World& Reach(const std::string& name) {
    std::unique_ptr<World>& world = worlds_[name];
    if (world == nullptr) {
      world = std::make_unique<World>(name);
      world->Start();
    }
    return *world;
  }

 private:
  inline static std::map<std::string, std::unique_ptr<World>> worlds_;
};

TEST_P(WireTest, BothFrontsAnswerAsTheSampleSays) {
  const absl::StatusOr<Sample> sample = Load(GetParam());
  ASSERT_TRUE(sample.ok()) << GetParam().path << ": " << sample.status().message();
  ASSERT_NE(GetParam().method(), nullptr) << "the folder is named after no rpc";
  SCOPED_TRACE(absl::StrCat(GetParam().path, "\n", sample->title));
  World& world = Reach(sample->world);
  if (HasFatalFailure()) return;

  const std::optional<rpc::RestRule> rule = rpc::RestRuleOf(GetParam().method());
  if (rule && sample->every_version) {
    for (const std::string& version : rule->versions) ReplayRest(world, *sample, version);
  } else {
    ReplayRest(world, *sample, "");
  }
  ReplayGrpc(world, *sample);
}
INSTANTIATE_TEST_SUITE_P(Samples, WireTest, ::testing::ValuesIn(FindSamples()), [](const auto& info) {
  return absl::StrCat(info.param.service, "_", info.param.rpc, "_", info.param.name);
});

// For each rpc a success and a refusal over REST, under every api-version, and a call over gRPC.
TEST(WireSamplesTest, CoverEveryRpc) {
  for (const char* folder : {"keys", "certificates", "identity", "tpm"}) {
    const auto* service = ServiceOf(folder);
    for (int i = 0; i < service->method_count(); ++i) {
      const auto* method = service->method(i);
      bool succeeds = false;
      bool refuses = false;
      bool over_grpc = false;
      bool every_version = false;
      for (const SampleFile& file : FindSamples()) {
        if (file.method() != method) continue;
        const absl::StatusOr<Sample> sample = Load(file);
        ASSERT_TRUE(sample.ok()) << file.path << ": " << sample.status().message();
        every_version = every_version || sample->every_version;
        for (const Step& step : sample->steps) {
          succeeds = succeeds || (step.rest && step.rest->status < 300);
          refuses = refuses || (step.rest && step.rest->status >= 400);
          over_grpc = over_grpc || step.grpc;
        }
      }
      EXPECT_TRUE(over_grpc) << method->full_name();
      if (!rpc::RestRuleOf(method)) continue;
      // No symmetric key can be moved.
      EXPECT_TRUE(succeeds || method->name() == "MoveKey") << method->full_name();
      EXPECT_TRUE(refuses) << method->full_name();
      EXPECT_TRUE(every_version) << method->full_name();
    }
  }
}

}  // namespace
}  // namespace aziot::tests
