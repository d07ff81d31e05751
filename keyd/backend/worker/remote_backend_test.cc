#include "keyd/backend/worker/remote_backend.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "keyd/backend/testing/key_backend_contract.h"

namespace aziot::keyd::worker {
namespace {

using aziot::testing::IsOk;
using aziot::testing::StatusIs;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr KeyUsage kSign{.sign = true};

std::string TestWorker() {
  return absl::StrCat(std::getenv("AZIOT_BUILD_DIR"), "/test/keyd_backend_worker_test_worker");
}

RemoteOptions OptionsFor(const std::string& directory) {
  RemoteOptions options;
  options.lane = {Lane::Named("token:test"), 4};
  options.setup.set_name("token \"test\"");
  options.setup.mutable_library()->set_path(directory);
  options.executable = TestWorker();
  return options;
}

KeyId Id(absl::string_view text) { return *KeyId::Parse(text); }

struct InWorker final : keyd::testing::BackendUnderTest {
  const aziot::testing::TempDir directory;
  const std::unique_ptr<RemoteBackend> remote = *RemoteBackend::Start(OptionsFor(directory.path()));
  KeyBackend& backend() override { return *remote; }
};

class RemoteBackendTest : public ::testing::Test {
 protected:
  std::unique_ptr<RemoteBackend> Start() { return *RemoteBackend::Start(OptionsFor(directory_.path())); }
  std::unique_ptr<RemoteBackend> Start(Timeouts timeouts) {
    RemoteOptions options = OptionsFor(directory_.path());
    options.timeouts = timeouts;
    return *RemoteBackend::Start(std::move(options));
  }
  std::unique_ptr<RemoteBackend> StartAs(const std::string& argument) {
    RemoteOptions options = OptionsFor(directory_.path());
    options.argument = argument;
    return *RemoteBackend::Start(std::move(options));
  }
  static std::string Ask(RemoteBackend& backend, absl::string_view id) {
    const auto told = backend.Derive(Id(id), {});
    return told.ok() ? std::string(told->ExposeText()) : told.status().ToString();
  }
  static pid_t PidOf(RemoteBackend& backend) {
    int pid = 0;
    EXPECT_TRUE(absl::SimpleAtoi(Ask(backend, "pid"), &pid));
    return pid;
  }
  // The first answer that is not kUnavailable.
  static absl::Status Patiently(const std::function<absl::Status()>& call) {
    absl::Status status;
    for (int i = 0; i < 500; ++i) {
      status = call();
      if (!absl::IsUnavailable(status)) break;
      usleep(20'000);
    }
    return status;
  }

  const aziot::testing::TempDir directory_;
};

TEST_F(RemoteBackendTest, NamesItsLaneForAll) {
  const auto backend = Start();
  EXPECT_EQ(backend->LaneOf(Id("x"), Operation::kHmac), Lane::Named("token:test"));
  ASSERT_EQ(backend->Lanes().size(), 1u);
  EXPECT_EQ(backend->Lanes()[0].lane, Lane::Named("token:test"));
  EXPECT_EQ(backend->Lanes()[0].threads, 4);
}

TEST_F(RemoteBackendTest, StatusTravelsUnchanged) {
  const auto backend = Start();
  EXPECT_THAT(backend->LoadKey(Id("absent")), StatusIs(absl::StatusCode::kNotFound, "no such key"));
}

TEST_F(RemoteBackendTest, LargeMessagesPass) {
  const auto backend = Start();
  ASSERT_THAT(backend->CreateKey(Id("k"), {.encrypt = true}), IsOk());
  const Bytes iv(12, 1);
  for (const size_t size : {size_t{4'000}, size_t{4'096}, size_t{70'000}, size_t{5'000'000}}) {
    const Bytes text(size, 7);
    const auto blob = backend->Encrypt(Id("k"), {.iv = iv}, text);
    ASSERT_THAT(blob, IsOk());
    EXPECT_EQ(*backend->Decrypt(Id("k"), {.iv = iv}, *blob), text);
  }
}

TEST_F(RemoteBackendTest, MoreThanAMessageHoldsIsRefused) {
  const auto backend = Start();
  EXPECT_THAT(backend->Hmac(Id("k"), Bytes(Channel::kMostBytes + 1)),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("token \"test\": Hmac")));
  EXPECT_THAT(backend->LoadKey(Id("k")), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(RemoteBackendTest, ACallThatCrashedTheWorkerIsRepeated) {
  const auto backend = Start();
  const pid_t first = PidOf(*backend);
  EXPECT_THAT(backend->CreateKey(Id("crash-once"), kSign), IsOk());
  EXPECT_NE(PidOf(*backend), first);
}

TEST_F(RemoteBackendTest, ACallThatAlwaysCrashesIsGivenUp) {
  const auto backend = Start();
  EXPECT_THAT(backend->SignDigest(Id("crash"), Bytes(32)),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("token \"test\": its worker process died (signal 11, SIGSEGV)"),
                             HasSubstr("SignDigest of \"crash\""))));
  EXPECT_THAT(Patiently([&] { return backend->CreateKey(Id("x"), kSign); }), IsOk());
}

TEST_F(RemoteBackendTest, WhatCouldDoHarmIsNotRepeated) {
  EXPECT_THAT(Start()->ImportKey(Id("crash-once-i"), Bytes(32), kSign),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("during ImportKey of \"crash-once-i\"")));
  EXPECT_THAT(Start()->MoveKeyPair(Id("crash-once-m"), Id("x")), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Start()->DeleteKey(Id("crash-once-d")), StatusIs(absl::StatusCode::kUnavailable));
  const auto backend = Start();
  EXPECT_THAT(backend->DeleteKeyPair(Id("crash-once-p")), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(backend->DeleteKeyPair(Id("crash-once-p")), IsOk());
}

TEST_F(RemoteBackendTest, WhatTheWorkerNeverSawIsSentAgain) {
  const auto backend = Start();
  const pid_t pid = PidOf(*backend);
  ASSERT_EQ(kill(pid, SIGSTOP), 0);
  for (int i = 0; i < 500; ++i) {
    if (absl::StrContains(files::Read(absl::StrCat("/proc/", pid, "/status")).value_or(""), "State:\tT"))
      break;
    usleep(10'000);
  }
  absl::Status imported;
  std::thread call([&] { imported = backend->ImportKey(Id("k"), Bytes(32), kSign); });
  usleep(50'000);
  kill(pid, SIGKILL);
  call.join();
  EXPECT_THAT(imported, IsOk());
  EXPECT_THAT(backend->LoadKey(Id("k")), IsOk());
}

TEST_F(RemoteBackendTest, OneThatKeepsCrashingIsLeftAloneForAWhile) {
  const auto backend = Start();
  for (int i = 0; i < 4; ++i) backend->LoadKey(Id("crash")).IgnoreError();
  // Whatever is asked for now is told at once, or by a worker that was started again.
  int failed_fast = 0;
  for (int i = 0; i < 20; ++i) {
    backend->LoadKey(Id("crash")).IgnoreError();
    const absl::Status status = backend->LoadKey(Id("x"));
    if (absl::IsUnavailable(status)) {
      ++failed_fast;
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("SIGSEGV")));
    }
  }
  EXPECT_GT(failed_fast, 0);
  EXPECT_THAT(Patiently([&] { return backend->LoadKey(Id("x")); }), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(RemoteBackendTest, AnExitOfTheModuleIsToldAsOne) {
  const auto backend = Start();
  EXPECT_THAT(backend->LoadKey(Id("exit")),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("ended (exit status 3)")));
}

TEST_F(RemoteBackendTest, AHangIsEndedAndOthersAreServed) {
  const auto backend = Start({.lookup = milliseconds(500)});
  ASSERT_THAT(backend->CreateKey(Id("k"), kSign), IsOk());
  std::atomic<bool> stop = false;
  std::atomic<int> served = 0;
  std::vector<std::thread> others;
  for (int i = 0; i < 3; ++i) {
    others.emplace_back([&] {
      while (!stop) {
        // The fake's keys go with the worker.
        EXPECT_THAT(backend->CreateKey(Id("k"), kSign), IsOk());
        ++served;
        usleep(1000);
      }
    });
  }
  EXPECT_THAT(
      backend->LoadKey(Id("hang")),
      StatusIs(absl::StatusCode::kUnavailable, AllOf(HasSubstr("gave no answer within 500 ms and was killed"),
                                                     HasSubstr("LoadKey of \"hang\""))));
  const int before = served;
  for (int i = 0; i < 500 && served < before + 10; ++i) usleep(10'000);
  EXPECT_GE(served, before + 10);
  stop = true;
  for (std::thread& other : others) other.join();
}

TEST_F(RemoteBackendTest, NonsenseIsNoAnswer) {
  for (const char* mode : {"--garbage", "--two-answers", "--too-long", "--half"}) {
    SCOPED_TRACE(mode);
    const auto backend = StartAs(mode);
    EXPECT_THAT(backend->LoadKey(Id("k")),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("token \"test\": its worker process ")));
  }
  EXPECT_THAT(StartAs("--garbage")->LoadKey(Id("k")),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("gave an answer that is none")));
}

TEST_F(RemoteBackendTest, ACodeThatIsNoneIsTrouble) {
  EXPECT_THAT(StartAs("--no-code")->LoadKey(Id("k")), StatusIs(absl::StatusCode::kInternal));
}

TEST_F(RemoteBackendTest, ARefusedSetupIsTheRefusalOfStart) {
  EXPECT_THAT(RemoteBackend::Start(OptionsFor("refuses")),
              StatusIs(absl::StatusCode::kFailedPrecondition, "no library at /there"));
}

TEST_F(RemoteBackendTest, AWorkerThatDiesAtStartIsNoRefusal) {
  const auto backend = RemoteBackend::Start(OptionsFor("exits"));
  ASSERT_THAT(backend, IsOk());
  EXPECT_THAT((*backend)->LoadKey(Id("k")),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("ended (exit status 3)")));
}

TEST_F(RemoteBackendTest, AProgramThatIsNotThereIsNamed) {
  RemoteOptions options = OptionsFor(directory_.path());
  options.executable = directory_.Join("absent");
  const auto backend = RemoteBackend::Start(std::move(options));
  ASSERT_THAT(backend, IsOk());
  EXPECT_THAT((*backend)->LoadKey(Id("k")),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr(directory_.Join("absent")), HasSubstr("ENOENT"))));
}

TEST_F(RemoteBackendTest, ASecondLoginThatNeverEndedIsRemembered) {
  const auto backend = Start();
  EXPECT_EQ(Ask(*backend, "login-at-start"), "0");
  backend->DeleteKey(Id("login")).IgnoreError();
  EXPECT_EQ(Ask(*backend, "login-at-start"), "0");
  backend->DeleteKey(Id("login")).IgnoreError();
  ASSERT_THAT(Patiently([&] { return backend->CreateKey(Id("x"), kSign); }), IsOk());
  EXPECT_EQ(Ask(*backend, "login-at-start"), absl::StrCat(LoginRecord::State::kTrying));
}

TEST_F(RemoteBackendTest, ARefusedPinIsRemembered) {
  const auto backend = Start();
  backend->LoadKey(Id("refused")).IgnoreError();
  backend->DeleteKey(Id("crash-once")).IgnoreError();
  EXPECT_EQ(Ask(*backend, "login-at-start"), absl::StrCat(LoginRecord::State::kRefused));
}

TEST_F(RemoteBackendTest, NothingOpenIsInherited) {
  const files::Descriptor open_to_all(open("/dev/zero", O_RDONLY));
  const files::Descriptor at_a_fixed_place(fcntl(open_to_all.get(), F_DUPFD, 200));
  const auto backend = Start();
  const auto other = Start();
  EXPECT_EQ(Ask(*other, "pid"), absl::StrCat(PidOf(*other)));
  const std::string descriptors = Ask(*backend, "descriptors");
  EXPECT_THAT(descriptors,
              AllOf(HasSubstr("3 socket:"), HasSubstr("aziot-login-record"), Not(HasSubstr("/dev/zero"))));
  // Standard streams, control, login record, this connection.
  EXPECT_LE(std::count(descriptors.begin(), descriptors.end(), '\n'), 6) << descriptors;
}

TEST_F(RemoteBackendTest, SignalsThatStopKeydDoNotStopTheWorker) {
  const auto backend = Start();
  const pid_t pid = PidOf(*backend);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) kill(pid, number);
  EXPECT_EQ(PidOf(*backend), pid);
}

TEST_F(RemoteBackendTest, TheWorkerMayFinish) {
  Start().reset();
  EXPECT_TRUE(files::Exists(directory_.Join("finished")));
}

TEST_F(RemoteBackendTest, TheWorkerIsNamed) {
  const auto backend = Start();
  const std::string process = absl::StrCat("/proc/", PidOf(*backend));
  EXPECT_THAT(files::Read(process + "/cmdline").value_or(""), HasSubstr("aziot-keyd: token \"test\""));
  EXPECT_EQ(files::Read(process + "/comm").value_or(""), "token \"test\"\n");
}

TEST_F(RemoteBackendTest, TheWorkerDiesWithKeyd) {
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  files::Descriptor in(ends[0]), out(ends[1]);
  const std::string program = TestWorker();
  const pid_t parent = fork();
  if (parent == 0) {
    dup2(out.get(), STDOUT_FILENO);
    execl(program.c_str(), program.c_str(), "--parent", directory_.path().c_str(), nullptr);
    _exit(127);
  }
  out = files::Descriptor();
  char text[32] = {};
  ASSERT_GT(read(in.get(), text, sizeof text - 1), 0);
  int worker = 0;
  ASSERT_TRUE(absl::SimpleAtoi(text, &worker)) << text;
  // It is in the middle of a call that never returns.
  kill(parent, SIGKILL);
  EXPECT_EQ(waitpid(parent, nullptr, 0), parent);
  int status = 0;
  pid_t ended = 0;
  for (int i = 0; i < 1000 && ended == 0; ++i) {
    ended = waitpid(worker, &status, WNOHANG);
    if (ended == 0) usleep(10'000);
  }
  EXPECT_EQ(ended, worker);
  EXPECT_TRUE(WIFEXITED(status)) << status;
  if (ended == 0) kill(worker, SIGKILL);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

int OpenFiles() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return static_cast<int>(std::distance(begin(files), end(files)));
}

TEST_F(RemoteBackendTest, ManyEndsLeaveNothingBehind) {
  const int before = OpenFiles();
  {
    const auto backend = Start();
    for (int i = 0; i < 8; ++i) {
      EXPECT_THAT(Patiently([&] { return backend->LoadKey(Id("x")); }),
                  StatusIs(absl::StatusCode::kNotFound));
      backend->LoadKey(Id("crash")).IgnoreError();
    }
  }
  EXPECT_EQ(OpenFiles(), before);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST_F(RemoteBackendTest, EightThreadsGetTheirOwnAnswers) {
  const auto backend = Start();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&backend, i] {
      const KeyId id = Id(absl::StrCat("k", i));
      EXPECT_THAT(backend->ImportKey(id, Bytes(32, static_cast<uint8_t>(i)), kSign), IsOk());
      const Mac mac = *backend->Hmac(id, {});
      for (int round = 0; round < 200; ++round) EXPECT_EQ(*backend->Hmac(id, {}), mac);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace aziot::keyd::worker

namespace aziot::keyd::testing {
namespace {

INSTANTIATE_TEST_SUITE_P(Worker, KeyBackendContract,
                         ::testing::Values(ContractParameter{
                             "Worker", [] { return std::make_unique<worker::InWorker>(); }}),
                         ContractName);

}  // namespace
}  // namespace aziot::keyd::testing
