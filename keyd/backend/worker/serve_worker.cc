#include "keyd/backend/worker/serve_worker.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "common/bytes/secret.h"
#include "common/log/log.h"
#include "keyd/backend/worker/channel.h"
#include "keyd/backend/worker/dispatch.h"
#include "keyd/backend/worker/passed_socket.h"
#include "keyd/backend/worker/worker_process.h"

namespace aziot::keyd::worker {
namespace {

constexpr int kNotAWorker = 2;
constexpr int kRefused = 1;
constexpr std::chrono::seconds kSetUpTimeout{30};

// keyd decides when its workers end: whoever stops it may signal the whole group, while requests are still
// being worked on.
void IgnoreSignals() {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) signal(number, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void KeepToOurselves() {
  umask(077);
  ProtectSecretMemory();
  // A module may start programs.
  fcntl(kControlFd, F_SETFD, FD_CLOEXEC);
  fcntl(kLoginRecordFd, F_SETFD, FD_CLOEXEC);
  close_range(kLoginRecordFd + 1, ~0U, 0);
}

class Worker {
 public:
  Worker(const Factory& factory, LoginRecord record, Channel control)
      : factory_(factory), record_(std::move(record)), control_(std::move(control)) {}

  [[noreturn]] void Run() {
    auto setup = std::make_shared<Wiped<v1::Setup>>();
    control_.SetTimeout(kSetUpTimeout);
    if (control_.Receive(**setup) != Transfer::kDone) _exit(kNotAWorker);
    control_.SetTimeout(std::chrono::seconds(0));
    prctl(PR_SET_NAME, (*setup)->name().substr(0, 15).c_str());
    Start([this, setup = std::move(setup)] { SetUp(**setup); });
    while (true) {
      ControlMessage message = ReceiveControl(control_.fd());
      switch (message.kind) {
        case ControlMessage::Kind::kGone:
          _exit(0);
        case ControlMessage::Kind::kFinish:
          Start([this] { Finish(); });
          break;
        case ControlMessage::Kind::kSocket:
          auto channel = std::make_shared<Channel>(std::move(message.socket));
          Start([this, channel] { Serve(*channel); });
          break;
      }
    }
  }

 private:
  // The first thread does nothing but see keyd go: what the module does may never return.
  static void Start(std::function<void()> work) {
    try {
      std::thread(std::move(work)).detach();
    } catch (const std::system_error& refused) {
      log::Error("a worker process gets no further thread: {}", refused.what());
      _exit(kRefused);
    }
  }

  void SetUp(const v1::Setup& setup) {
    absl::StatusOr<std::unique_ptr<KeyBackend>> backend = factory_(setup, record_);
    v1::SetupDone done;
    if (backend.ok()) {
      backend_ = backend->release();
    } else {
      done.set_code(static_cast<int32_t>(backend.status().code()));
      done.set_message(std::string(backend.status().message()));
    }
    control_.Send(done);
    if (backend_ == nullptr) _exit(kRefused);
  }

  void Serve(Channel& channel) {
    v1::Request request;
    v1::Answer answer;
    while (channel.Receive(request) == Transfer::kDone) {
      ++running_;
      Dispatch(*backend_.load(), request, answer);
      --running_;
      const Transfer sent = channel.Send(answer);
      Wipe(request);
      Wipe(answer);
      if (sent != Transfer::kDone) break;
    }
  }

  // Lets the module close its sessions; a call that still runs would meet it closed.
  void Finish() {
    KeyBackend* backend = backend_.load();
    if (running_ == 0) delete backend;
    _exit(0);
  }

  const Factory& factory_;
  LoginRecord record_;
  Channel control_;
  std::atomic<KeyBackend*> backend_{nullptr};
  std::atomic<int> running_{0};
};

}  // namespace

void ServeWorker(const Factory& factory) {
  IgnoreSignals();
  KeepToOurselves();
  absl::StatusOr<LoginRecord> record = LoginRecord::FromDescriptor(files::Descriptor(kLoginRecordFd));
  if (!record.ok()) {
    log::Error("this is started by keyd, not by hand: {}", record.status());
    _exit(kNotAWorker);
  }
  Worker(factory, *std::move(record), Channel(files::Descriptor(kControlFd))).Run();
}

}  // namespace aziot::keyd::worker
