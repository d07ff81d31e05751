// The engine as a whole: how it is found, what it says of itself, and what it leaves alone.
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/provider.h>

#include <fstream>

#include "openssl-engine/engine/engine_fixture.h"

namespace aziot::openssl_engine {
namespace {

class EngineTest : public EngineFixture {
 protected:
  // An instance of its own, in nobody's list. OpenSSL binds a library once at a time, so the listed one goes:
  // what happens at the end of a process.
  EnginePtr NewInstance(const char* requested_id) {
    if (engine_ != nullptr) {
      ENGINE_finish(engine_.get());
      initialised_ = false;
      ENGINE_unregister_pkey_meths(engine_.get());
      ENGINE_remove(engine_.get());
      engine_.reset();
    }
    EnginePtr dynamic(ENGINE_by_id("dynamic"));
    const bool loaded =
        ENGINE_ctrl_cmd_string(dynamic.get(), "SO_PATH", AZIOT_ENGINES_DIR "/aziot_keys.so", 0) == 1 &&
        (requested_id == nullptr || ENGINE_ctrl_cmd_string(dynamic.get(), "ID", requested_id, 0) == 1) &&
        ENGINE_ctrl_cmd_string(dynamic.get(), "LIST_ADD", "0", 0) == 1 &&
        ENGINE_ctrl_cmd_string(dynamic.get(), "LOAD", nullptr, 0) == 1;
    return loaded ? std::move(dynamic) : nullptr;
  }
  // Ordinary keys: made, written, read, given as numbers, signed with.
  static void OrdinaryKeysWork() {
    for (const char* type : {"rsa", "ec"}) {
      EVP_PKEY* const original = SoftwareKey(type);
      const std::unique_ptr<BIO, FreeWith<BIO_free_all>> pem(BIO_new(BIO_s_mem()));
      ASSERT_EQ(PEM_write_bio_PrivateKey(pem.get(), original, nullptr, nullptr, 0, nullptr, nullptr), 1);
      const PkeyPtr read(PEM_read_bio_PrivateKey(pem.get(), nullptr, nullptr, nullptr));
      ASSERT_NE(read, nullptr) << Errors();
      EXPECT_TRUE(Verify(original, EVP_sha256(), Sign(read.get(), EVP_sha256()))) << Errors();

      OSSL_PARAM* numbers = nullptr;
      ASSERT_EQ(EVP_PKEY_todata(original, EVP_PKEY_KEYPAIR, &numbers), 1) << Errors();
      const ParamsPtr owned(numbers);
      const PkeyCtxPtr ctx(
          EVP_PKEY_CTX_new_from_name(nullptr, type == std::string("rsa") ? "RSA" : "EC", nullptr));
      EVP_PKEY* made = nullptr;
      ASSERT_EQ(EVP_PKEY_fromdata_init(ctx.get()), 1) << Errors();
      ASSERT_EQ(EVP_PKEY_fromdata(ctx.get(), &made, EVP_PKEY_KEYPAIR, numbers), 1) << Errors();
      const PkeyPtr from_numbers(made);
      EXPECT_TRUE(Verify(original, EVP_sha256(), Sign(made, EVP_sha256()))) << Errors();
    }
    const PkeyPtr fresh(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-384"));
    ASSERT_NE(fresh, nullptr) << Errors();
    EXPECT_TRUE(Verify(fresh.get(), EVP_sha384(), Sign(fresh.get(), EVP_sha384()))) << Errors();
  }
};

TEST_F(EngineTest, SaysWhoItIs) {
  EXPECT_STREQ(ENGINE_get_id(engine_.get()), "aziot_keys");
  EXPECT_EQ(ENGINE_get_flags(engine_.get()), 0);
  EXPECT_EQ(ENGINE_get_RSA(engine_.get()), nullptr);
  EXPECT_EQ(ENGINE_get_EC(engine_.get()), nullptr);
  EXPECT_EQ(ENGINE_get_RAND(engine_.get()), nullptr);
  EXPECT_EQ(ENGINE_get_ciphers(engine_.get()), nullptr);
  EXPECT_EQ(ENGINE_get_digests(engine_.get()), nullptr);
  EXPECT_NE(ENGINE_get_pkey_meth(engine_.get(), EVP_PKEY_RSA), nullptr);
  EXPECT_NE(ENGINE_get_pkey_meth(engine_.get(), EVP_PKEY_EC), nullptr);
  EXPECT_EQ(ENGINE_get_pkey_meth(engine_.get(), EVP_PKEY_ED25519), nullptr);
}

TEST_F(EngineTest, IsFoundAgainAndAgain) {
  for (int i = 0; i < 3; ++i) {
    const EnginePtr again(ENGINE_by_id("aziot_keys"));
    ASSERT_EQ(again.get(), engine_.get()) << Errors();
    // What nginx does: it looks the engine up and loads a key without initialising what it was given.
    EXPECT_NE(LoadPrivate(KeyServer::HandleOf("ec")), nullptr) << Errors();
  }
}

// nginx initialises an engine in no other way.
TEST_F(EngineTest, IsInitialisedByBecomingTheDefault) {
  ENGINE_finish(engine_.get());
  initialised_ = false;
  ASSERT_EQ(ENGINE_set_default(engine_.get(), ENGINE_METHOD_ALL), 1) << Errors();
  const EnginePtr found(ENGINE_by_id("aziot_keys"));
  ASSERT_NE(found, nullptr) << Errors();
  const PkeyPtr key(ENGINE_load_private_key(found.get(), "aziot:key=ec", nullptr, nullptr));
  EXPECT_NE(key, nullptr) << Errors();
}

// azure-iot-sdk-c does all of this for each connection.
TEST_F(EngineTest, ServesOneConnectionAfterAnother) {
  for (int i = 0; i < 3; ++i) {
    ENGINE_load_builtin_engines();
    const EnginePtr engine(ENGINE_by_id("aziot_keys"));
    ASSERT_NE(engine, nullptr) << Errors();
    ASSERT_EQ(ENGINE_init(engine.get()), 1) << Errors();
    ASSERT_EQ(ENGINE_set_default(engine.get(), ENGINE_METHOD_ALL), 1) << Errors();
    PkeyPtr key(ENGINE_load_private_key(engine.get(), KeyServer::HandleOf("rsa").c_str(), nullptr, nullptr));
    ASSERT_NE(key, nullptr) << Errors();
    ASSERT_EQ(ENGINE_finish(engine.get()), 1);
    EXPECT_TRUE(Verify(SoftwareKey("rsa"), EVP_sha256(), Sign(key.get(), EVP_sha256()))) << Errors();
    OrdinaryKeysWork();
  }
}

TEST_F(EngineTest, TakesNothingFromTheProcessAsTheDefault) {
  ASSERT_EQ(ENGINE_set_default(engine_.get(), ENGINE_METHOD_ALL), 1) << Errors();
  ENGINE_register_all_complete();
  EXPECT_EQ(ENGINE_get_default_RSA(), nullptr);
  EXPECT_EQ(ENGINE_get_pkey_meth_engine(EVP_PKEY_RSA), nullptr);
  EXPECT_EQ(ENGINE_get_pkey_meth_engine(EVP_PKEY_EC), nullptr);
  OrdinaryKeysWork();
}

TEST_F(EngineTest, TheProviderWorksInTheSameProcess) {
  ASSERT_EQ(ENGINE_set_default(engine_.get(), ENGINE_METHOD_ALL), 1) << Errors();
  const LibCtxPtr libctx(OSSL_LIB_CTX_new());
  OSSL_PROVIDER_set_default_search_path(libctx.get(), AZIOT_MODULE_DIR);
  OSSL_PROVIDER* const ours = OSSL_PROVIDER_load(libctx.get(), "aziot_keys");
  OSSL_PROVIDER* const software = OSSL_PROVIDER_load(libctx.get(), "default");
  ASSERT_NE(ours, nullptr) << Errors();
  const std::string uri = "aziot:key=ec" + keyd_.SocketAttribute();
  OSSL_STORE_CTX* const store =
      OSSL_STORE_open_ex(uri.c_str(), libctx.get(), nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
  ASSERT_NE(store, nullptr) << Errors();
  OSSL_STORE_INFO* const info = OSSL_STORE_load(store);
  ASSERT_NE(info, nullptr) << Errors();
  PkeyPtr provided(OSSL_STORE_INFO_get1_PKEY(info));
  OSSL_STORE_INFO_free(info);
  OSSL_STORE_close(store);
  {
    const MdCtxPtr ctx(EVP_MD_CTX_new());
    Bytes signature(256);
    size_t length = signature.size();
    ASSERT_EQ(
        EVP_DigestSignInit_ex(ctx.get(), nullptr, "SHA256", libctx.get(), nullptr, provided.get(), nullptr),
        1)
        << Errors();
    ASSERT_EQ(EVP_DigestSign(ctx.get(), signature.data(), &length, kMessage, sizeof kMessage), 1) << Errors();
    signature.resize(length);
    EXPECT_TRUE(Verify(SoftwareKey("ec"), EVP_sha256(), signature)) << Errors();
  }
  const PkeyPtr key = LoadPrivate(uri);
  ASSERT_NE(key, nullptr) << Errors();
  EXPECT_TRUE(Verify(SoftwareKey("ec"), EVP_sha256(), Sign(key.get(), EVP_sha256()))) << Errors();
  provided.reset();
  OSSL_PROVIDER_unload(software);
  OSSL_PROVIDER_unload(ours);
}

TEST_F(EngineTest, BindsUnderAnyNameAndLeavesNothingBehind) {
  for (const char* requested :
       {"aziot_keys", "aziot-key-openssl-engine", static_cast<const char*>(nullptr)}) {
    EnginePtr instance = NewInstance(requested);
    ASSERT_NE(instance, nullptr) << Errors();
    EXPECT_STREQ(ENGINE_get_id(instance.get()), "aziot_keys");
    ASSERT_EQ(ENGINE_init(instance.get()), 1) << Errors();
    ASSERT_EQ(ENGINE_ctrl_cmd_string(instance.get(), "SOCKET_PATH", keyd_.socket_path().c_str(), 0), 1);
    PkeyPtr key(ENGINE_load_private_key(instance.get(), KeyServer::HandleOf("ec").c_str(), nullptr, nullptr));
    ASSERT_NE(key, nullptr) << Errors();
    ENGINE_finish(instance.get());
    instance.reset();  // the key keeps it
    EXPECT_FALSE(Sign(key.get(), EVP_sha256()).empty()) << Errors();
    key.reset();
    OrdinaryKeysWork();  // they are freed through the ex-data callbacks that we registered
  }
}

TEST_F(EngineTest, IsReadyBeforeKeydIs) {
  const EnginePtr instance = NewInstance(nullptr);
  const std::string socket = keyd_.socket_path() + ".later";
  ASSERT_EQ(ENGINE_ctrl_cmd_string(instance.get(), "SOCKET_PATH", socket.c_str(), 0), 1);
  ASSERT_EQ(ENGINE_init(instance.get()), 1) << Errors();
  EXPECT_EQ(ENGINE_load_private_key(instance.get(), "aziot:key=ec", nullptr, nullptr), nullptr);
  const std::string errors = Errors();
  EXPECT_NE(errors.find("connecting to " + socket + ": No such file or directory"), std::string::npos)
      << errors;
  ASSERT_EQ(symlink(keyd_.socket_path().c_str(), socket.c_str()), 0);
  const PkeyPtr key(ENGINE_load_private_key(instance.get(), "aziot:key=ec", nullptr, nullptr));
  EXPECT_NE(key, nullptr) << Errors();
  unlink(socket.c_str());
  ENGINE_finish(instance.get());
}

TEST_F(EngineTest, ControlCommandsAreCheckedAndTakeEffect) {
  const EnginePtr instance = NewInstance(nullptr);
  EXPECT_EQ(ENGINE_ctrl_cmd_string(instance.get(), "SOCKET_PATH", "keyd.sock", 0), 0);
  EXPECT_NE(Errors().find("SOCKET_PATH is not an absolute path"), std::string::npos);
  EXPECT_EQ(ENGINE_ctrl_cmd_string(instance.get(), "SOCKET_PATH", ("/" + std::string(200, 'x')).c_str(), 0),
            0);
  EXPECT_NE(Errors().find("SOCKET_PATH is longer than"), std::string::npos);
  EXPECT_EQ(ENGINE_ctrl_cmd_string(instance.get(), "API_VERSION", "", 0), 0);
  EXPECT_NE(Errors().find("API_VERSION is empty"), std::string::npos);
  EXPECT_EQ(ENGINE_ctrl_cmd_string(instance.get(), "PIN", "1234", 0), 0);
  ERR_clear_error();

  ASSERT_EQ(ENGINE_init(instance.get()), 1) << Errors();
  ASSERT_EQ(ENGINE_ctrl_cmd_string(instance.get(), "SOCKET_PATH", keyd_.socket_path().c_str(), 0), 1);
  ASSERT_EQ(ENGINE_ctrl_cmd_string(instance.get(), "API_VERSION", "2099-01-01&x", 0), 1);
  EXPECT_EQ(ENGINE_load_private_key(instance.get(), "aziot:key=ec", nullptr, nullptr), nullptr);
  EXPECT_NE(Errors().find("not as the client should write it"), std::string::npos);
  ASSERT_EQ(ENGINE_ctrl_cmd_string(instance.get(), "API_VERSION", "2021-05-01", 0), 1);
  const PkeyPtr key(ENGINE_load_private_key(instance.get(), "aziot:key=ec", nullptr, nullptr));
  EXPECT_NE(key, nullptr) << Errors();
  ENGINE_finish(instance.get());
}

TEST_F(EngineTest, NamesWhatIsWrongWithAName) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "empty; a key handle or aziot:key= is wanted"},
      {"sr=a b", "the handle has other than printable ASCII"},
      {"sr=\n", "the handle has other than printable ASCII"},
      {"aziot:name=x", "key name: "},
      {"AZIOT:key=", "key= is empty"},
  };
  for (const auto& [name, text] : cases) {
    EXPECT_EQ(LoadPrivate(name), nullptr);
    const std::string errors = Errors();
    EXPECT_NE(errors.find("aziot_key_openssl_engine"), std::string::npos) << errors;
    EXPECT_NE(errors.find("invalid key name"), std::string::npos) << errors;
    EXPECT_NE(errors.find("aziot_key_engine_load_privkey"), std::string::npos) << errors;
    EXPECT_NE(errors.find(text), std::string::npos) << errors;
    EXPECT_EQ(LoadPublic(name), nullptr);
    EXPECT_NE(Errors().find("aziot_key_engine_load_pubkey"), std::string::npos);
  }
  EXPECT_EQ(LoadPrivate("aziot:cert=device"), nullptr);
  EXPECT_EQ(keyd_.LastRequest(), "");
}

TEST_F(EngineTest, AHandleOfAnotherDeviceIsRefusedInKeydsWords) {
  EXPECT_EQ(LoadPrivate("sr=elsewhere&sig=AA=="), nullptr);
  const std::string errors = Errors();
  EXPECT_NE(errors.find("refused by keyd"), std::string::npos) << errors;
  EXPECT_NE(errors.find("status 400: parameter \"handle\" has an invalid value, caused by: invalid handle"),
            std::string::npos)
      << errors;
  EXPECT_EQ(errors.find("sr=elsewhere"), std::string::npos) << "a handle is a secret: " << errors;
}

}  // namespace
}  // namespace aziot::openssl_engine
