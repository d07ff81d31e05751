#include "tests/bench/p11_kit_peer.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <iterator>
#include <memory>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "tests/bench/process_figures.h"
#include "tests/support/run_command.h"

namespace aziot::bench {
namespace {

constexpr char kSoftHsm[] = "/usr/lib/softhsm/libsofthsm2.so";
constexpr char kPin[] = "1234";

std::string ClientModule(const std::string& directory, int client) {
  return absl::StrCat(directory, "/p11-kit-client-", client, ".so");
}

// One client's session with its key, or nothing.
struct Session {
  CK_FUNCTION_LIST* functions = nullptr;
  CK_SESSION_HANDLE session = 0;
  CK_OBJECT_HANDLE key = 0;

  bool Open(const std::string& module);
  bool Sign() const;
};

bool Session::Open(const std::string& module) {
  void* library = dlopen(module.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return false;
  const auto list = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  if (list == nullptr || list(&functions) != CKR_OK || functions->C_Initialize(nullptr) != CKR_OK)
    return false;
  CK_SLOT_ID slots[8];
  CK_ULONG count = std::size(slots);
  if (functions->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK || count == 0) return false;
  CK_UTF8CHAR pin[] = {'1', '2', '3', '4'};
  if (functions->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session) !=
          CKR_OK ||
      functions->C_Login(session, CKU_USER, pin, sizeof pin) != CKR_OK) {
    return false;
  }
  CK_OBJECT_CLASS secret = CKO_SECRET_KEY;
  CK_KEY_TYPE generic = CKK_GENERIC_SECRET;
  CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
  CK_BYTE value[32] = {1};
  CK_ATTRIBUTE attributes[] = {{CKA_CLASS, &secret, sizeof secret},
                               {CKA_KEY_TYPE, &generic, sizeof generic},
                               {CKA_TOKEN, &no, sizeof no},
                               {CKA_SIGN, &yes, sizeof yes},
                               {CKA_VALUE, value, sizeof value}};
  return functions->C_CreateObject(session, attributes, std::size(attributes), &key) == CKR_OK;
}

bool Session::Sign() const {
  CK_MECHANISM mechanism{CKM_SHA256_HMAC, nullptr, 0};
  CK_BYTE message[32] = {2}, mac[32];
  CK_ULONG size = sizeof mac;
  return functions->C_SignInit(session, &mechanism, key) == CKR_OK &&
         functions->C_Sign(session, message, sizeof message, mac, &size) == CKR_OK;
}

}  // namespace

P11KitPeer::P11KitPeer(const std::string& directory) : directory_(directory + "/p11-kit") {
  const std::string socket = directory_ + "/server.sock", settings = directory_ + "/softhsm2.conf";
  std::string commands = absl::StrCat("set -e; rm -rf ", directory_, "; mkdir -p ", directory_, "/tokens\n");
  absl::StrAppend(&commands, "echo directories.tokendir = ", directory_, "/tokens > ", settings, "\n");
  absl::StrAppend(&commands, "SOFTHSM2_CONF=", settings,
                  " softhsm2-util --init-token --free --label bench --so-pin ", kPin, " --pin ", kPin,
                  " >/dev/null\n");
  for (int client = 0; client < kClients; ++client) {
    absl::StrAppend(&commands, "cp \"$(pkg-config --variable=p11_module_path p11-kit-1)/p11-kit-client.so\" ",
                    ClientModule(directory_, client), "\n");
  }
  const tests::Output made = tests::RunCommand(commands);
  if (made.status != 0) GiveUp("no token (packages softhsm2, p11-kit, p11-kit-modules)", made.text);
  // For the server, and for the clients' module.
  setenv("SOFTHSM2_CONF", settings.c_str(), 1);
  setenv("P11_KIT_SERVER_ADDRESS", absl::StrCat("unix:path=", socket).c_str(), 1);
  pid_ = fork();
  if (pid_ == 0) {
    dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
    execlp("p11-kit", "p11-kit", "server", "--foreground", "--provider", kSoftHsm, "--name", socket.c_str(),
           "pkcs11:token=bench", nullptr);
    _exit(127);
  }
  for (int i = 0; i < 200 && access(socket.c_str(), F_OK) != 0; ++i) usleep(20'000);
}

P11KitPeer::~P11KitPeer() {
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
}

Worker P11KitPeer::Hmac() const {
  return [directory = directory_](int client) -> Operation {
    auto session = std::make_shared<Session>();
    // Tokens that are opened at the same time are sometimes not found.
    static std::mutex one_at_a_time;
    const std::lock_guard lock(one_at_a_time);
    const bool open = session->Open(ClientModule(directory, client));
    return [session, open] { return open && session->Sign(); };
  };
}

}  // namespace aziot::bench
