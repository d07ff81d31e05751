#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <limits>

#include "absl/strings/str_join.h"
#include "aziotctl/checks/checks.h"
#include "aziotctl/checks/context.h"
#include "common/files/files.h"
#include "common/http/fake_server.h"
#include "common/net/unix_socket.h"
#include "common/testing/temp_dir.h"

namespace aziot::ctl {
namespace {

using ::testing::HasSubstr;
using Kind = Result::Kind;

class RunningTest : public ::testing::Test {
 protected:
  RunningTest() {
    context_.root = directory_.path();
    for (const char* name : {"run/aziot", "var/lib/aziot/keyd", "var/lib/aziot/certd"})
      EXPECT_TRUE(files::MakeDirectory(directory_.Join(name), 0755).ok());
  }
  net::UniqueFd Listen(const std::string& daemon) {
    auto listener = net::ListenUnix(context_.SocketOf(daemon));
    EXPECT_TRUE(listener.ok()) << listener.status();
    // The group that the package's users are in; where they do not exist nothing is compared.
    const std::string change = "chgrp " + std::string(daemon == "keyd" ? "aziotks" : "aziotcs") + " " +
                               context_.SocketOf(daemon) + " 2>/dev/null";
    EXPECT_GE(system(change.c_str()), 0);
    return *std::move(listener);
  }
  Result Run(Result (*check)(CheckContext&, nlohmann::json&)) {
    nlohmann::json info;
    return check(context_, info);
  }

  testing::TempDir directory_;
  CheckContext context_;
};

TEST_F(RunningTest, SomebodyMustListen) {
  EXPECT_EQ(Run(KeydRunning).kind, Kind::kError);
  EXPECT_FALSE(context_.keyd_runs);
  const net::UniqueFd keyd = Listen("keyd");
  EXPECT_EQ(Run(KeydRunning).kind, Kind::kOk);
  EXPECT_TRUE(context_.keyd_runs);
  EXPECT_EQ(Run(CertdRunning).kind, Kind::kError);
}

TEST_F(RunningTest, ModesThatLetTooManyOrTooFewInAreWarnedOf) {
  const net::UniqueFd keyd = Listen("keyd");
  ASSERT_EQ(chmod(context_.SocketOf("keyd").c_str(), 0606), 0);
  const Result result = Run(KeydRunning);
  EXPECT_EQ(result.kind, Kind::kWarning);
  EXPECT_THAT(result.details.front(), HasSubstr("has mode 0606: every user of this machine may connect"));
  EXPECT_THAT(result.details.front(), HasSubstr("members of its group cannot connect"));
  EXPECT_TRUE(context_.keyd_runs);
}

TEST_F(RunningTest, ATpmServiceWithoutTpmIsAnError) {
  std::atomic<bool> ready = true;
  http::FakeServer tpmd([&](const http::Request& request) {
    EXPECT_EQ(request.target, "/ready");
    return std::string(ready ? "HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{\"ready\":true}"
                             : "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 21\r\n\r\n"
                               "{\"message\":\"no TCTI\"}");
  });
  std::filesystem::create_symlink(tpmd.path(), context_.SocketOf("tpmd"));
  EXPECT_LT(Run(TpmdRunning).kind, Kind::kError);
  ready = false;
  const Result result = Run(TpmdRunning);
  EXPECT_EQ(result.kind, Kind::kError);
  EXPECT_THAT(absl::StrJoin(result.details, ": "), HasSubstr("tpmd runs, but cannot use the TPM: no TCTI"));
}

TEST_F(RunningTest, AFullDiskIsToldOnce) {
  const net::UniqueFd keyd = Listen("keyd");
  const net::UniqueFd certd = Listen("certd");
  context_.least_free_bytes = std::numeric_limits<uint64_t>::max();
  const Result result = Run(KeydRunning);
  EXPECT_EQ(result.kind, Kind::kWarning);
  EXPECT_THAT(result.details.front(),
              HasSubstr("KiB are free where " + directory_.Join("var/lib/aziot/keyd")));
  EXPECT_EQ(Run(CertdRunning).kind, Kind::kOk) << "the same file system";
}

}  // namespace
}  // namespace aziot::ctl
