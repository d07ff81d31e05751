// A call fails half way, and its caller repeats it: what the repetition is told must be safe from a power
// loss, although the first call has done the change, and the repetition finds nothing left to do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "tests/faults/disk_model.h"
#include "tests/faults/injector.h"
#include "tests/faults/victim.h"
#include "tests/faults/worlds.h"

namespace aziot::tests::faults {
namespace {

using ::testing::AnyOf;

// Without what a write has left under a name of its own, which the next start clears.
Disk Settled(Disk disk) {
  std::erase_if(disk, [](const auto& entry) { return absl::StrContains(entry.first, ".tmp-"); });
  return disk;
}

class FailingSyncTest : public ::testing::Test {
 protected:
  FailingSyncTest() {
    EXPECT_TRUE(files::Replace(root_.Join("etc/aziot/keyd/config.toml"),
                               absl::StrCat("[aziot_keys]\nhomedir_path = \"", keyd_.home(), "\"\n"), 0644)
                    .ok());
    EXPECT_TRUE(files::Replace(root_.Join("etc/aziot/certd/config.toml"),
                               absl::StrCat("homedir_path = \"", certd_.home(), "\"\n"), 0644)
                    .ok());
  }

  // One call after the other of `ask`'s fails. `again` is what a client asks that was told of a failure.
  // `prepare` makes the safe state that `ask` changes.
  void Try(Victim& victim, const std::function<void()>& prepare, const std::function<http::Response()>& ask,
           const std::function<http::Response()>& again) {
    for (int number = 0;; ++number) {
      SCOPED_TRACE(absl::StrCat("call ", number));
      ASSERT_LT(number, 100) << "the fault never comes to an end";
      prepare();
      if (::testing::Test::HasFatalFailure()) return;
      const Disk before = ReadDisk(victim.home());
      injector_.Fail(number, number + 1, EIO);
      const int first = ask().status;
      const int second = first < 300 ? first : again().status;
      const int failed = injector_.Heal();
      ASSERT_TRUE(victim.process().Runs()) << victim.process().Log();
      ASSERT_THAT(second, AnyOf(200, 201, 204)) << victim.process().Log();
      repeated_ += first == second ? 0 : 1;
      const Disk told = Settled(ReadDisk(victim.home()));
      for (const Disk& disk : StatesOf(before, injector_.Recorded(), victim.home()).after) {
        ASSERT_EQ(Settled(disk), told) << "what was answered can be lost";
      }
      if (failed == 0) break;
    }
    EXPECT_GT(repeated_, 2);
    repeated_ = 0;
  }

  http::Response Key(const std::string& verb, const std::string& body) {
    return keyd_.Ask(verb, "/key?api-version=2021-05-01", body);
  }
  http::Response Pair(const std::string& verb, const std::string& body) {
    return keyd_.Ask(verb, "/keypair?api-version=2021-05-01", body);
  }
  http::Response Get(const std::string& kind) {
    return keyd_.Ask("GET", absl::StrCat("/", kind, "/subject?api-version=2021-05-01"));
  }
  void Delete(const std::string& kind) {
    const http::Response got = Get(kind);
    if (got.status != 200) return;
    const std::string body = HandleBody(Member(got, "keyHandle"));
    ASSERT_EQ((kind == "key" ? Key("DELETE", body) : Pair("DELETE", body)).status, 204);
  }

  TempRoot root_;
  Victim keyd_{root_, "keyd", "aziotks"};
  Victim certd_{root_, "certd", "aziotcs"};
  Injector injector_{root_.Join("faults"), root_.Join("var/lib/aziot")};
  int repeated_ = 0;
};

TEST_F(FailingSyncTest, KeydKeeps) {
  ASSERT_NO_FATAL_FAILURE(keyd_.Start(&injector_));
  ASSERT_EQ(Key("POST", CreateKeyBody("bystander")).status, 200);
  const auto create_key = [&] { return Key("POST", CreateKeyBody("subject")); };
  const auto create_pair = [&] { return Pair("POST", CreatePairBody("subject")); };
  const auto no_key = [&] { Delete("key"); };
  const auto no_pair = [&] { Delete("keypair"); };
  Try(keyd_, no_key, create_key, create_key);
  // "Load it, else create it" is what services do after a failure.
  Try(keyd_, no_key, create_key, [&] { return Get("key").status == 200 ? Get("key") : create_key(); });
  Try(
      keyd_, no_key, [&] { return Key("POST", ImportBody("subject", "imported")); }, create_key);
  ASSERT_NO_FATAL_FAILURE(Delete("key"));
  Try(keyd_, no_pair, create_pair, create_pair);

  const auto moved = [&] {
    return keyd_.Ask("POST", "/keypair/subject?api-version=2021-05-01", R"({"from":"subject-temp"})");
  };
  const auto two_pairs = [&] {
    ASSERT_EQ(create_pair().status, 200);
    ASSERT_EQ(Pair("POST", CreatePairBody("subject-temp")).status, 200);
  };
  Try(keyd_, two_pairs, moved, [&] { return Get("keypair"); });
}

TEST_F(FailingSyncTest, KeydRemoves) {
  ASSERT_NO_FATAL_FAILURE(keyd_.Start(&injector_));
  std::string handle;
  const auto key = [&] {
    const http::Response made = Key("POST", CreateKeyBody("subject"));
    ASSERT_EQ(made.status, 200);
    handle = HandleBody(Member(made, "keyHandle"));
  };
  const auto remove = [&] { return Key("DELETE", handle); };
  Try(keyd_, key, remove, remove);
}

TEST_F(FailingSyncTest, KeydBegins) {
  const auto nothing = [&] {
    if (keyd_.process().Runs()) keyd_.Kill();
    std::filesystem::remove_all(keyd_.home() + "/keys");
    keyd_.Start(&injector_);
  };
  const auto create = [&] { return Key("POST", CreateKeyBody("subject")); };
  Try(keyd_, nothing, create, create);
}

// A process that is killed before its sync leaves a name that the next one finds: it syncs when it starts.
TEST_F(FailingSyncTest, KeydSyncsWhatItFinds) {
  ASSERT_NO_FATAL_FAILURE(keyd_.Start());
  ASSERT_EQ(Key("POST", CreateKeyBody("subject")).status, 200);
  keyd_.Kill();
  const auto calls = injector_.Record([&] { keyd_.Start(&injector_); });
  const auto syncs = [&](const std::string& path) {
    return std::any_of(calls.begin(), calls.end(), [&](const RecordedCall& call) {
      return call.call == Call::kSync && call.path == path;
    });
  };
  EXPECT_TRUE(syncs(keyd_.home() + "/keys"));
  EXPECT_TRUE(syncs(keyd_.home()));
}

TEST_F(FailingSyncTest, Certd) {
  ASSERT_NO_FATAL_FAILURE(certd_.Start(&injector_));
  const std::string path = "/certificates/subject?api-version=2020-09-01";
  const auto put = [&] { return certd_.Ask("PUT", path, PemBody("pem\n")); };
  const auto remove = [&] { return certd_.Ask("DELETE", path); };
  Try(
      certd_, [&] { remove(); }, put, put);
  Try(
      certd_, [&] { put(); }, remove, remove);
}

}  // namespace
}  // namespace aziot::tests::faults
