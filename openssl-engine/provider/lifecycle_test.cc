// The life of the module in a process: forks before and after every step, unloading with keys alive, loading
// again, and what it may cost a keyd that is not there.
#include <openssl/core_names.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "openssl-engine/provider/provider_fixture.h"

namespace aziot::openssl_engine {
namespace {

bool Sign(OSSL_LIB_CTX* libctx, EVP_PKEY* key, EVP_PKEY* original) {
  const MdCtxPtr ctx(EVP_MD_CTX_new());
  std::array<uint8_t, 1024> signature;
  size_t length = signature.size();
  const auto* const message = reinterpret_cast<const uint8_t*>("message");
  if (EVP_DigestSignInit_ex(ctx.get(), nullptr, "SHA256", libctx, nullptr, key, nullptr) != 1 ||
      EVP_DigestSign(ctx.get(), signature.data(), &length, message, 7) != 1) {
    return false;
  }
  const MdCtxPtr check(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit_ex(check.get(), nullptr, "SHA256", nullptr, nullptr, original, nullptr) == 1 &&
         EVP_DigestVerify(check.get(), signature.data(), length, message, 7) == 1;
}

// Runs `body` in a child; whether it said true.
template <class F>
bool InAChild(F body) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  int status = -1;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

class ForkTest : public ProviderFixture, public testing::WithParamInterface<Order> {
 protected:
  ForkTest() : ProviderFixture(GetParam()) {}
};
INSTANTIATE_TEST_SUITE_P(All, ForkTest, testing::ValuesIn(kOrders),
                         [](const auto& info) { return std::string(OrderName(info.param)); });

TEST_P(ForkTest, AChildMayDoAnyOfTheSteps) {
  // The module is loaded, the child loads the key.
  EXPECT_TRUE(InAChild([&] {
    const PkeyPtr key = Load(UriOf("ec"));
    return key != nullptr && Sign(libctx(), key.get(), ec_.get());
  }));
  // The key is loaded and was never used: the child is the first to use it.
  const PkeyPtr key = Load(UriOf("ec"));
  ASSERT_NE(key, nullptr) << Errors();
  EXPECT_TRUE(InAChild([&] { return Sign(libctx(), key.get(), ec_.get()); }));
  EXPECT_TRUE(Sign(libctx(), key.get(), ec_.get())) << Errors();
  EXPECT_TRUE(InAChild([&] { return Sign(libctx(), key.get(), ec_.get()); }));
  // A grandchild, after its parent has used the key.
  EXPECT_TRUE(InAChild([&] {
    return Sign(libctx(), key.get(), ec_.get()) &&
           InAChild([&] { return Sign(libctx(), key.get(), ec_.get()); });
  }));
  // The child lets go of everything; the parent goes on.
  EXPECT_TRUE(InAChild([&] {
    EVP_PKEY_free(key.get());
    OSSL_PROVIDER_unload(second_);
    return true;
  }));
  EXPECT_TRUE(Sign(libctx(), key.get(), ec_.get())) << Errors();
}

TEST_P(ForkTest, AChildOfAProcessWhoseThreadsSignWorks) {
  const PkeyPtr key = Load(UriOf("ec"));
  ASSERT_NE(key, nullptr) << Errors();
  std::atomic<bool> stop = false;
  std::atomic<int> bad = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!stop) bad += !Sign(libctx(), key.get(), ec_.get());
    });
  }
  // What is ours holds no lock over a fork. libcrypto's own locks are another matter, so the child keeps to
  // exec, as a program with threads must.
  for (int i = 0; i < 10; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      execl("/bin/true", "true", nullptr);
      _exit(127);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(bad, 0);
}

class LifecycleTest : public ProviderFixture {
 protected:
  void Unload() {
    OSSL_PROVIDER_unload(second_);
    second_ = nullptr;
  }
  void LoadAgain() {
    second_ = OSSL_PROVIDER_load(libctx(), "aziot_keys");
    ASSERT_NE(second_, nullptr) << Errors();
  }
};

TEST_F(LifecycleTest, AKeyOutlivesTheUnloadingOfItsProvider) {
  for (const char* const id : {"ec", "rsa"}) {
    PkeyPtr key = Load(UriOf(id));
    ASSERT_NE(key, nullptr) << Errors();
    const PkeyPtr copy(EVP_PKEY_dup(key.get()));
    Unload();
    // Nobody finds the provider any more: what is new fails, and says so; what is loaded does no harm.
    EXPECT_EQ(Load(UriOf(id)), nullptr);
    ERR_clear_error();
    if (!Sign(libctx(), key.get(), id == std::string("ec") ? ec_.get() : rsa_.get())) {
      EXPECT_NE(Errors(), "");
    }
    EXPECT_EQ(EVP_PKEY_eq(key.get(), copy.get()), 1);
    LoadAgain();
    const PkeyPtr fresh = Load(UriOf(id));
    ASSERT_NE(fresh, nullptr) << Errors();
    EXPECT_TRUE(Sign(libctx(), fresh.get(), id == std::string("ec") ? ec_.get() : rsa_.get())) << Errors();
    EXPECT_EQ(EVP_PKEY_eq(key.get(), fresh.get()), 1);
    key.reset();
  }
}

TEST_F(LifecycleTest, ASignatureThatIsUnderWayEndsOrFailsWhenItsProviderIsUnloaded) {
  const PkeyPtr key = Load(UriOf("ec"));
  const MdCtxPtr ctx(EVP_MD_CTX_new());
  ASSERT_EQ(EVP_DigestSignInit_ex(ctx.get(), nullptr, "SHA256", libctx(), nullptr, key.get(), nullptr), 1);
  Unload();
  std::array<uint8_t, 256> signature;
  size_t length = signature.size();
  EXPECT_EQ(EVP_DigestSign(ctx.get(), signature.data(), &length, signature.data(), 0), 1) << Errors();
}

TEST_F(LifecycleTest, ManyLoadsAndUnloadsLeaveNothingBehind) {
  for (int i = 0; i < 20; ++i) {
    Unload();
    LoadAgain();
  }
  const PkeyPtr key = Load(UriOf("ec"));
  EXPECT_TRUE(Sign(libctx(), key.get(), ec_.get())) << Errors();
}

TEST_F(LifecycleTest, TwoContextsOfOneProcessDoNotMeet) {
  const LibCtxPtr other(OSSL_LIB_CTX_new());
  OSSL_PROVIDER_set_default_search_path(other.get(), AZIOT_MODULE_DIR);
  OSSL_PROVIDER* const ours = OSSL_PROVIDER_load(other.get(), "aziot_keys");
  OSSL_PROVIDER* const software = OSSL_PROVIDER_load(other.get(), "default");
  ASSERT_NE(ours, nullptr);
  {
    const PkeyPtr key = Load(UriOf("ec"));
    EXPECT_TRUE(Sign(libctx(), key.get(), ec_.get())) << Errors();
    // A key of one context signs in an operation of another: what lets libcurl, which knows the default
    // context only, use a key of ours.
    EXPECT_TRUE(Sign(other.get(), key.get(), ec_.get())) << Errors();
    EXPECT_TRUE(Sign(nullptr, key.get(), ec_.get())) << Errors();
  }
  OSSL_PROVIDER_unload(software);
  OSSL_PROVIDER_unload(ours);
}

TEST_F(LifecycleTest, LoadingAsksNobodyAndItSaysWhatItIs) {
  EXPECT_EQ(keyd_.LastRequest(), "");
  const char* name = nullptr;
  const char* version = nullptr;
  const char* build = nullptr;
  int status = 0;
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_ptr(OSSL_PROV_PARAM_NAME, const_cast<char**>(&name), 0),
      OSSL_PARAM_construct_utf8_ptr(OSSL_PROV_PARAM_VERSION, const_cast<char**>(&version), 0),
      OSSL_PARAM_construct_utf8_ptr(OSSL_PROV_PARAM_BUILDINFO, const_cast<char**>(&build), 0),
      OSSL_PARAM_construct_int(OSSL_PROV_PARAM_STATUS, &status),
      OSSL_PARAM_construct_end(),
  };
  ASSERT_EQ(OSSL_PROVIDER_get_params(second_, params), 1);
  EXPECT_STREQ(version, AZIOT_VERSION);
  EXPECT_NE(std::string(name), "");
  EXPECT_NE(std::string(build), "");
  EXPECT_EQ(status, 1);
}

}  // namespace
}  // namespace aziot::openssl_engine
