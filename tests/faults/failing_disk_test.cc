// Every call on a file fails in turn, once or from there on, with each error a disk or a kernel short of
// something gives: the daemon answers 5xx or does it, never ends, has the old state or the new one, and is
// well as soon as the fault is gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <climits>
#include <filesystem>
#include <fstream>
#include <functional>

#include "absl/strings/str_cat.h"
#include "common/files/files.h"
#include "tests/faults/injector.h"
#include "tests/faults/victim.h"
#include "tests/faults/worlds.h"

namespace aziot::tests::faults {
namespace {

using ::testing::AnyOf;

constexpr int kErrors[] = {ENOSPC, EIO, EROFS, EDQUOT, EMFILE, ENOMEM};

struct Step {
  std::string verb;
  std::string path;
  std::string body;
  int success;
};

// Whoever keeps files in memory must read them again.
void TouchFiles(const std::string& directory) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) std::ofstream(entry.path(), std::ios::app);
  }
}

class FailingDiskTest : public ::testing::Test {
 protected:
  FailingDiskTest() {
    EXPECT_TRUE(files::Replace(root_.Join("etc/aziot/keyd/config.toml"),
                               absl::StrCat("[aziot_keys]\nhomedir_path = \"", keyd_.home(), "\"\n"), 0644)
                    .ok());
    EXPECT_TRUE(files::Replace(root_.Join("etc/aziot/certd/config.toml"),
                               absl::StrCat("homedir_path = \"", certd_.home(), "\"\n"), 0644)
                    .ok());
  }

  // `prepare` makes the state that `step` changes, each time anew.
  void Try(Victim& victim, const std::function<World()>& see, const std::function<void()>& prepare,
           const Step& step) {
    for (const int error : kErrors) {
      for (const bool lasting : {false, true}) {
        for (int number = 0;; ++number) {
          SCOPED_TRACE(absl::StrCat(step.verb, " ", step.path, ", errno ", error, lasting ? " from" : " at",
                                    " call ", number));
          ASSERT_LT(number, 100) << "the fault never comes to an end";
          prepare();
          const World old_world = see();
          TouchFiles(victim.home());
          injector_.Fail(number, lasting ? INT_MAX : number + 1, error);
          const http::Response answer = victim.Ask(step.verb, step.path, step.body);
          const int failed = injector_.Heal();
          ++tried_;
          ASSERT_TRUE(victim.process().Runs()) << victim.process().Log();
          ASSERT_THAT(answer.status, AnyOf(step.success, 500, 503)) << answer.body;
          if (answer.status >= 500) {
            ASSERT_NE(Member(answer, "message"), "") << answer.body;
          }
          const World between = see();
          const http::Response again = victim.Ask(step.verb, step.path, step.body);
          ASSERT_EQ(again.status, step.success) << again.body << victim.process().Log();
          const World new_world = see();
          if (answer.status == step.success) {
            ASSERT_EQ(between.at("subject"), new_world.at("subject"));
          } else {
            ASSERT_THAT(between.at("subject"), AnyOf(old_world.at("subject"), new_world.at("subject")));
          }
          ASSERT_EQ(new_world.at("bystander"), old_world.at("bystander"));
          if (failed == 0) break;
        }
      }
    }
  }

  TempRoot root_;
  Victim keyd_{root_, "keyd", "aziotks"};
  Victim certd_{root_, "certd", "aziotcs"};
  Injector injector_{root_.Join("faults"), root_.Join("var/lib/aziot")};
  int tried_ = 0;
};

TEST_F(FailingDiskTest, Keyd) {
  ASSERT_NO_FATAL_FAILURE(keyd_.Start(&injector_));
  const std::string key_path = "/key?api-version=2021-05-01";
  const std::string pair_path = "/keypair?api-version=2021-05-01";
  ASSERT_EQ(keyd_.Ask("POST", key_path, CreateKeyBody("bystander")).status, 200);
  std::string handle;
  const auto remove_key = [&] {
    const http::Response got = keyd_.Ask("GET", "/key/subject?api-version=2021-05-01");
    if (got.status == 200) keyd_.Ask("DELETE", key_path, HandleBody(Member(got, "keyHandle")));
  };
  const auto remove_pair = [&] {
    const http::Response got = keyd_.Ask("GET", "/keypair/subject?api-version=2021-05-01");
    if (got.status == 200) keyd_.Ask("DELETE", pair_path, HandleBody(Member(got, "keyHandle")));
  };
  const auto import = [&] {
    handle = Member(keyd_.Ask("POST", key_path, ImportBody("subject", "before")), "keyHandle");
    ASSERT_NE(handle, "");
  };
  const auto see_key = [&] { return SeeKeyd(keyd_, {"subject", "bystander"}, {}); };
  const auto see_pair = [&] { return SeeKeyd(keyd_, {"bystander"}, {"subject"}); };

  Try(keyd_, see_key, remove_key, {"POST", key_path, CreateKeyBody("subject"), 200});
  Try(keyd_, see_key, import, {"POST", key_path, ImportBody("subject", "after"), 200});
  import();
  Try(keyd_, see_key, import, {"DELETE", key_path, HandleBody(handle), 204});
  remove_key();
  Try(keyd_, see_pair, remove_pair, {"POST", pair_path, CreatePairBody("subject"), 200});
  const auto replaced = [&] {
    remove_pair();
    ASSERT_EQ(keyd_.Ask("POST", pair_path, CreatePairBody("subject")).status, 200);
  };
  Try(keyd_, see_pair, replaced, {"GET", "/keypair/subject?api-version=2021-05-01", "", 200});
  EXPECT_GT(tried_, 200);
}

TEST_F(FailingDiskTest, KeydMoves) {
  ASSERT_NO_FATAL_FAILURE(keyd_.Start(&injector_));
  const std::string pair_path = "/keypair?api-version=2021-05-01";
  ASSERT_EQ(keyd_.Ask("POST", pair_path, CreatePairBody("bystander")).status, 200);
  for (const int error : kErrors) {
    for (int number = 0;; ++number) {
      SCOPED_TRACE(absl::StrCat("errno ", error, " from call ", number));
      ASSERT_LT(number, 100);
      ASSERT_EQ(keyd_.Ask("POST", pair_path, CreatePairBody("subject")).status, 200);
      ASSERT_EQ(keyd_.Ask("POST", pair_path, CreatePairBody("subject-temp")).status, 200);
      const auto see = [&] { return SeeKeyd(keyd_, {}, {"subject", "subject-temp", "bystander"}); };
      const World old_world = see();
      injector_.Fail(number, INT_MAX, error);
      const http::Response answer =
          keyd_.Ask("POST", "/keypair/subject?api-version=2021-05-01", R"({"from":"subject-temp"})");
      const int failed = injector_.Heal();
      ASSERT_TRUE(keyd_.process().Runs()) << keyd_.process().Log();
      ASSERT_THAT(answer.status, AnyOf(204, 500, 503)) << answer.body;
      World new_world = old_world;
      new_world["subject"] = old_world.at("subject-temp");
      new_world["subject-temp"] = "absent";
      const World after = see();
      if (answer.status == 204) {
        ASSERT_EQ(FormatWorld(after), FormatWorld(new_world));
      } else {
        ASSERT_THAT(FormatWorld(after), AnyOf(FormatWorld(old_world), FormatWorld(new_world)));
      }
      if (failed == 0) break;
    }
  }
}

TEST_F(FailingDiskTest, Certd) {
  ASSERT_NO_FATAL_FAILURE(certd_.Start(&injector_));
  const std::string path = "/certificates/subject?api-version=2020-09-01";
  ASSERT_EQ(certd_.Ask("PUT", "/certificates/bystander?api-version=2020-09-01", PemBody("by\n")).status, 201);
  const auto see = [&] { return SeeCertd(certd_, {"subject", "bystander"}); };
  const auto absent = [&] { certd_.Ask("DELETE", path); };
  const auto present = [&] { ASSERT_EQ(certd_.Ask("PUT", path, PemBody("before\n")).status, 201); };
  Try(certd_, see, absent, {"PUT", path, PemBody("new\n"), 201});
  Try(certd_, see, present, {"PUT", path, PemBody("after\n"), 201});
  Try(certd_, see, present, {"DELETE", path, "", 204});
  Try(certd_, see, present, {"GET", path, "", 200});
  EXPECT_GT(tried_, 150);
}

}  // namespace
}  // namespace aziot::tests::faults
