// The ENGINE's doors: bind_engine and v_check, and what OpenSSL asks of an engine as a whole. Its ID is the
// name by which it is asked for and it has no flags: a second look-up in one process then finds the engine
// that is there, initialised.
#include <openssl/engine.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

#include <iterator>
#include <string>
#include <string_view>

#include "openssl-engine/engine/ec_method.h"
#include "openssl-engine/engine/engine_settings.h"
#include "openssl-engine/engine/error_queue.h"
#include "openssl-engine/engine/key_name.h"
#include "openssl-engine/engine/rsa_method.h"

namespace aziot::openssl_engine {
namespace {

constexpr char kId[] = "aziot_keys";
constexpr char kName[] = "keys of the Azure IoT keys service (keyd)";
// Public keys are software keys of the program's own default context, but not of our provider there.
constexpr Software kSoftware{nullptr, "aziot.remote!=yes,?provider=default"};

enum Command : int { kSocketPath = ENGINE_CMD_BASE, kApiVersion };
const ENGINE_CMD_DEFN kCommands[] = {
    {kSocketPath, "SOCKET_PATH", "absolute path of keyd's socket", ENGINE_CMD_FLAG_STRING},
    {kApiVersion, "API_VERSION", "api-version of the calls to keyd", ENGINE_CMD_FLAG_STRING},
    {0, nullptr, nullptr, 0},
};

int SettingsIndex() {
  // No callback that frees: OpenSSL calls those after it has let go of this library.
  static const int index = ENGINE_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}
EngineSettings* SettingsOf(const ENGINE* engine) {
  return static_cast<EngineSettings*>(ENGINE_get_ex_data(engine, SettingsIndex()));
}

// No I/O: a program may start before keyd.
int Init(ENGINE* engine) { return SettingsOf(engine) != nullptr; }

int Destroy(ENGINE* engine) {
  delete SettingsOf(engine);
  return ENGINE_set_ex_data(engine, SettingsIndex(), nullptr);
}

int Control(ENGINE* engine, int command, long, void* text, void (*)(void)) {
  constexpr char kFunction[] = "aziot_key_engine_ctrl";
  return Guarded(kFunction, 0, [&] {
    const std::string_view value = text == nullptr ? "" : static_cast<const char*>(text);
    Result<bool> done = Failure{Reason::kNotSupported, "no such control command"};
    if (command == kSocketPath) done = SettingsOf(engine)->SetSocketPath(value);
    if (command == kApiVersion) done = SettingsOf(engine)->SetApiVersion(value);
    if (!done.ok()) Raise(kFunction, done.failure());
    return done.ok() ? 1 : 0;
  });
}

std::shared_ptr<const RemoteKey> Open(ENGINE* engine, const char* name, const char* function) {
  const Result<KeyRef> ref = ParseKeyName(name == nullptr ? "" : name);
  if (!ref.ok()) {
    Raise(function, ref.failure());
    return nullptr;
  }
  Result<std::shared_ptr<const RemoteKey>> remote =
      RemoteKey::Open(*ref, SettingsOf(engine)->endpoint(), kSoftware);
  if (!remote.ok()) {
    Raise(function, remote.failure());
    return nullptr;
  }
  return *std::move(remote);
}

EVP_PKEY* LoadPrivateKey(ENGINE* engine, const char* name, UI_METHOD*, void*) {
  constexpr char kFunction[] = "aziot_key_engine_load_privkey";
  return Guarded<EVP_PKEY*>(kFunction, nullptr, [&]() -> EVP_PKEY* {
    std::shared_ptr<const RemoteKey> remote = Open(engine, name, kFunction);
    if (remote == nullptr) return nullptr;
    const bool is_rsa = remote->is_rsa();
    PkeyPtr key = is_rsa ? NewRsaKey(std::move(remote)) : NewEcKey(std::move(remote));
    // Keeps the operations here and the engine alive as long as the key.
    if (key == nullptr || EVP_PKEY_set1_engine(key.get(), engine) != 1) {
      Raise(kFunction, {Reason::kCrypto, "building the key"});
      return nullptr;
    }
    return key.release();
  });
}

EVP_PKEY* LoadPublicKey(ENGINE* engine, const char* name, UI_METHOD*, void*) {
  constexpr char kFunction[] = "aziot_key_engine_load_pubkey";
  return Guarded<EVP_PKEY*>(kFunction, nullptr, [&]() -> EVP_PKEY* {
    const std::shared_ptr<const RemoteKey> remote = Open(engine, name, kFunction);
    return remote == nullptr ? nullptr : Share(remote->public_key()).release();
  });
}

// EVP_PKEY_set1_engine asks for the methods of a key's type and gets OpenSSL's own. The list of types that we
// could be the default of names no type of key: ENGINE_set_default(ALL), or ENGINE_register_all_complete
// behind ENGINE_load_builtin_engines, would otherwise take EVP_PKEY_fromdata and the keys of providers from
// the process. It is not empty, because nginx never initialises an engine but by making it the default.
int PkeyMethods(ENGINE*, EVP_PKEY_METHOD** method, const int** nids, int nid) {
  static constexpr int kNoKeys[] = {NID_ms_csp_name};
  if (method == nullptr) {
    *nids = kNoKeys;
    return std::size(kNoKeys);
  }
  const bool offered = nid == EVP_PKEY_EC || nid == EVP_PKEY_RSA;
  *method = offered ? const_cast<EVP_PKEY_METHOD*>(EVP_PKEY_meth_find(nid)) : nullptr;
  return offered ? 1 : 0;
}

// Accepts any requested ID, and none.
int Bind(ENGINE* engine, const char*) {
  return Guarded("aziot_key_engine_bind", 0, [&] {
    LoadErrorStrings();
    if (!PrepareRsaMethod() || !PrepareEcMethod() || SettingsIndex() < 0) return 0;
    auto settings = std::make_unique<EngineSettings>();
    if (ENGINE_set_id(engine, kId) != 1 || ENGINE_set_name(engine, kName) != 1 ||
        ENGINE_set_flags(engine, 0) != 1 || ENGINE_set_init_function(engine, Init) != 1 ||
        ENGINE_set_destroy_function(engine, Destroy) != 1 || ENGINE_set_ctrl_function(engine, Control) != 1 ||
        ENGINE_set_cmd_defns(engine, kCommands) != 1 ||
        ENGINE_set_load_privkey_function(engine, LoadPrivateKey) != 1 ||
        ENGINE_set_load_pubkey_function(engine, LoadPublicKey) != 1 ||
        ENGINE_set_pkey_meths(engine, PkeyMethods) != 1 ||
        ENGINE_set_ex_data(engine, SettingsIndex(), settings.get()) != 1) {
      return 0;
    }
    static_cast<void>(settings.release());
    return 1;
  });
}

}  // namespace
}  // namespace aziot::openssl_engine

#pragma GCC visibility push(default)
extern "C" {
IMPLEMENT_DYNAMIC_CHECK_FN()
IMPLEMENT_DYNAMIC_BIND_FN(aziot::openssl_engine::Bind)
}
#pragma GCC visibility pop
