#include "keyd/tpm/tcti.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "common/files/files.h"

namespace aziot::keyd::tpm {
namespace {

constexpr absl::string_view kDevice = "device";
constexpr char kManagedDevice[] = "/dev/tpmrm0";
constexpr uint64_t kMagic = 0x617a696f7474706d;
// Longer than a slow TPM takes for an RSA key.
constexpr int kLongestCommandMilliseconds = 180'000;
constexpr size_t kMaxHandles = 8;

// A TCTI writes to its socket as it likes, and a peer that went away must not end this process.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  ~WithoutSigpipe() {
    if (sigismember(&before_, SIGPIPE) == 1) return;
    const timespec now{};
    while (sigtimedwait(&pipe_, nullptr, &now) == -1 && errno == EINTR) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_;
  sigset_t before_;
};

// ESYS calls these with a context that begins with the table of functions (TCTI specification, 3.3).
struct Shim {
  TSS2_TCTI_CONTEXT_COMMON_V2 table{};
  TSS2_TCTI_CONTEXT* inner = nullptr;
  // The answer has begun to arrive. A TCTI may give it in parts and hold the rest in memory, where no
  // descriptor tells of it.
  bool arrives = false;
};

Shim& ShimOf(TSS2_TCTI_CONTEXT* context) { return *reinterpret_cast<Shim*>(context); }
TSS2_TCTI_CONTEXT* InnerOf(TSS2_TCTI_CONTEXT* context) { return ShimOf(context).inner; }

TSS2_RC Transmit(TSS2_TCTI_CONTEXT* context, size_t size, const uint8_t* command) {
  const WithoutSigpipe guard;
  ShimOf(context).arrives = false;
  return Tss2_Tcti_Transmit(InnerOf(context), size, command);
}

// Not every TCTI tells its descriptor: those of simulators wait without a bound.
TSS2_RC WaitForAnswer(TSS2_TCTI_CONTEXT* inner) {
  TSS2_TCTI_POLL_HANDLE handles[kMaxHandles];
  size_t count = kMaxHandles;
  if (Tss2_Tcti_GetPollHandles(inner, handles, &count) != TSS2_RC_SUCCESS || count == 0) {
    return TSS2_RC_SUCCESS;
  }
  for (size_t i = 0; i < count; ++i) handles[i].events = POLLIN;
  int ready;
  do {
    ready = poll(handles, count, kLongestCommandMilliseconds);
  } while (ready < 0 && errno == EINTR);
  return ready > 0 ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_IO_ERROR;
}

TSS2_RC Receive(TSS2_TCTI_CONTEXT* context, size_t* size, uint8_t* response, int32_t timeout) {
  TSS2_TCTI_CONTEXT* const inner = InnerOf(context);
  if (timeout == TSS2_TCTI_TIMEOUT_BLOCK && !ShimOf(context).arrives) {
    if (const TSS2_RC rc = WaitForAnswer(inner); rc != TSS2_RC_SUCCESS) return rc;
    ShimOf(context).arrives = true;
  }
  return Tss2_Tcti_Receive(inner, size, response, timeout);
}

TSS2_RC Cancel(TSS2_TCTI_CONTEXT* context) { return Tss2_Tcti_Cancel(InnerOf(context)); }

TSS2_RC GetPollHandles(TSS2_TCTI_CONTEXT* context, TSS2_TCTI_POLL_HANDLE* handles, size_t* count) {
  return Tss2_Tcti_GetPollHandles(InnerOf(context), handles, count);
}

TSS2_RC SetLocality(TSS2_TCTI_CONTEXT* context, uint8_t locality) {
  return Tss2_Tcti_SetLocality(InnerOf(context), locality);
}

TSS2_RC MakeSticky(TSS2_TCTI_CONTEXT* context, TPM2_HANDLE* handle, uint8_t sticky) {
  return Tss2_Tcti_MakeSticky(InnerOf(context), handle, sticky);
}

// Ended with the owner, never by ESYS.
void Finalize(TSS2_TCTI_CONTEXT*) {}

class LoadedTcti final : public Tcti {
 public:
  explicit LoadedTcti(TSS2_TCTI_CONTEXT* inner) {
    shim_.table.v1 = {.magic = kMagic,
                      .version = 2,
                      .transmit = Transmit,
                      .receive = Receive,
                      .finalize = Finalize,
                      .cancel = Cancel,
                      .getPollHandles = GetPollHandles,
                      .setLocality = SetLocality};
    shim_.table.makeSticky = MakeSticky;
    shim_.inner = inner;
  }
  ~LoadedTcti() override {
    const WithoutSigpipe guard;
    Tss2_TctiLdr_Finalize(&shim_.inner);
  }
  TSS2_TCTI_CONTEXT* context() override { return reinterpret_cast<TSS2_TCTI_CONTEXT*>(&shim_); }

 private:
  Shim shim_;
};

}  // namespace

std::string ResolveTcti(const std::string& configuration) {
  if (configuration == "device" && files::Exists(kManagedDevice)) {
    return absl::StrFormat("device:%s", kManagedDevice);
  }
  return configuration;
}

bool HasResourceManager(const std::string& resolved) {
  return absl::StartsWith(resolved, "tabrmd") || absl::StrContains(resolved, "/tpmrm");
}

bool HasOneUser(const std::string& resolved) {
  return absl::StartsWith(resolved, kDevice) && !HasResourceManager(resolved);
}

bool IsHeldByAnother(const std::string& resolved) {
  if (!HasOneUser(resolved)) return false;
  const std::string path =
      resolved.size() > kDevice.size() + 1 ? resolved.substr(kDevice.size() + 1) : "/dev/tpm0";
  const int descriptor = open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (descriptor >= 0) {
    close(descriptor);
    return true;  // free again by now
  }
  return errno == EBUSY;
}

absl::StatusOr<std::unique_ptr<Tcti>> OpenTcti(const std::string& resolved) {
  const WithoutSigpipe guard;
  TSS2_TCTI_CONTEXT* inner = nullptr;
  const TSS2_RC rc = Tss2_TctiLdr_Initialize(resolved.empty() ? nullptr : resolved.c_str(), &inner);
  if (rc != TSS2_RC_SUCCESS) {
    return absl::UnavailableError(absl::StrFormat(
        "TCTI \"%s\": %s (0x%X); check that the device or the resource manager is there, and that this user "
        "may open it (group tss)",
        resolved, Tss2_RC_Decode(rc), rc));
  }
  return std::make_unique<LoadedTcti>(inner);
}

}  // namespace aziot::keyd::tpm
