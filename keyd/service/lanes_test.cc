// Where calls run when the key that signs handles lies in a token and the key that is used elsewhere.
#include <gmock/gmock.h>

#include <vector>

#include "aziot/keys/v1/keys.pb.h"
#include "keyd/backend/locations.h"
#include "keyd/backend/testing/fake_backend.h"
#include "keyd/handles/key_handles.h"
#include "keyd/service/operations.h"

namespace aziot::keyd {
namespace {

using ::testing::ElementsAre;

const Lane kToken = Lane::Named("token:t");
const Lane kOther = Lane::Named("token:other");

class LanesTest : public ::testing::Test {
 protected:
  std::vector<KeyStore> Stores() {
    std::vector<KeyStore> stores;
    for (const Lane& lane : {kToken, kOther}) {
      auto backend = std::make_unique<testing::FakeBackend>();
      backend->RunOn(lane);
      fakes_.push_back(backend.get());
      stores.push_back({lane.name(), std::move(backend)});
    }
    return stores;
  }

  // The lanes that a signature went through.
  std::vector<Lane> Sign(const std::string& handle) {
    keys::v1::SignRequest request;
    request.set_key_handle(handle);
    request.set_algorithm("HMAC-SHA256");
    request.mutable_parameters()->set_message("m");
    rpc::CallContext call({.uid = 0}, "2021-05-01", absl::InfiniteFuture());
    std::vector<Lane> lanes;
    auto reply = operations_.Sign(call, request);
    while (rpc::CallContext::IsMark(reply.status()) && lanes.size() < 5) {
      lanes.push_back(call.wanted());
      call.RunOn(call.wanted());
      reply = operations_.Sign(call, request);
    }
    EXPECT_TRUE(reply.ok()) << reply.status();
    return lanes;
  }

  const KeyId id_ = *KeyId::Parse("device-id");
  std::vector<testing::FakeBackend*> fakes_;
  Locations locations_{Stores(), {}};
  KeyHandles handles_{locations_};
  Operations operations_{locations_, handles_};
};

TEST_F(LanesTest, AHandleIsCheckedOnTheTokensLaneOnce) {
  ASSERT_TRUE(fakes_[1]->CreateKey(id_, {.sign = true}).ok());
  ASSERT_TRUE(locations_.LoadKey(id_).ok());
  const std::string handle = *handles_.MintKey(id_);
  EXPECT_THAT(Sign(handle), ElementsAre(kToken, kOther));
  EXPECT_THAT(Sign(handle), ElementsAre(kOther));
}

TEST_F(LanesTest, OneLaneIsEnoughWhereBothLie) {
  ASSERT_TRUE(locations_.CreateKey(id_, {.sign = true}).ok());
  EXPECT_THAT(Sign(*handles_.MintKey(id_)), ElementsAre(kToken));
}

}  // namespace
}  // namespace aziot::keyd
