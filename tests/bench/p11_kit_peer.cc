#include "tests/bench/p11_kit_peer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "tests/bench/pkcs11_session.h"
#include "tests/bench/process_figures.h"
#include "tests/support/run_command.h"

namespace aziot::bench {
namespace {

constexpr char kSoftHsm[] = "/usr/lib/softhsm/libsofthsm2.so";
constexpr char kPin[] = "1234";
constexpr char kPair[] = "pair";

std::string ClientModule(const std::string& directory, int client) {
  return absl::StrCat(directory, "/p11-kit-client-", client, ".so");
}

// Tokens that are opened at the same time are sometimes not found.
std::mutex one_at_a_time;

}  // namespace

P11KitPeer::P11KitPeer(const std::string& directory) : directory_(directory + "/p11-kit") {
  const std::string socket = directory_ + "/server.sock", settings = directory_ + "/softhsm2.conf";
  std::string commands = absl::StrCat("set -e; rm -rf ", directory_, "; mkdir -p ", directory_, "/tokens\n");
  absl::StrAppend(&commands, "echo directories.tokendir = ", directory_, "/tokens > ", settings, "\n");
  absl::StrAppend(&commands, "SOFTHSM2_CONF=", settings,
                  " softhsm2-util --init-token --free --label bench --so-pin ", kPin, " --pin ", kPin,
                  " >/dev/null\n");
  absl::StrAppend(&commands, "SOFTHSM2_CONF=", settings, " pkcs11-tool --module ", kSoftHsm,
                  " --login --pin ", kPin, " --keypairgen --key-type EC:prime256v1 --usage-sign --label ",
                  kPair, " >/dev/null 2>&1\n");
  for (int client = 0; client < kClients; ++client) {
    absl::StrAppend(&commands, "cp \"$(pkg-config --variable=p11_module_path p11-kit-1)/p11-kit-client.so\" ",
                    ClientModule(directory_, client), "\n");
  }
  const tests::Output made = tests::RunCommand(commands);
  if (made.status != 0) GiveUp("no token (packages softhsm2, opensc, p11-kit, p11-kit-modules)", made.text);
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
    auto session = std::make_shared<Pkcs11Session>();
    const std::lock_guard lock(one_at_a_time);
    const bool open = session->Open(ClientModule(directory, client), kPin) && session->MakeHmacKey();
    return [session, open] { return open && session->SignHmac(); };
  };
}

Worker P11KitPeer::Ecdsa() const {
  return [directory = directory_](int client) -> Operation {
    auto session = std::make_shared<Pkcs11Session>();
    const std::lock_guard lock(one_at_a_time);
    const bool open = session->Open(ClientModule(directory, client), kPin) && session->FindPrivateKey(kPair);
    return [session, open] { return open && session->SignDigest(); };
  };
}

Worker P11KitPeer::EcdsaInProcess() {
  return [](int) -> Operation {
    auto session = std::make_shared<Pkcs11Session>();
    const std::lock_guard lock(one_at_a_time);
    const bool open = session->Open(kSoftHsm, kPin) && session->FindPrivateKey(kPair);
    return [session, open] { return open && session->SignDigest(); };
  };
}

}  // namespace aziot::bench
