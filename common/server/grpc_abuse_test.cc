// HTTP/2 as an abuser speaks it, against a real server: who floods is cut off, who calls is served.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/server/http2_frames.h"
#include "common/server/test_grpc_client.h"
#include "common/server/test_server.h"

namespace aziot::server {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr uint8_t kEndStream = 1;
constexpr uint8_t kEndHeaders = 4;

std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, absl::string_view payload) {
  const auto byte = [](size_t value, int shift) { return static_cast<char>(value >> shift & 0xff); };
  std::string frame = {byte(payload.size(), 16), byte(payload.size(), 8),  byte(payload.size(), 0),
                       static_cast<char>(type),  static_cast<char>(flags), byte(stream, 24),
                       byte(stream, 16),         byte(stream, 8),          byte(stream, 0)};
  return absl::StrCat(frame, payload);
}

// HPACK without a table (RFC 7541, 6.2.2): enough for one call.
std::string CallFields() {
  const auto text = [](absl::string_view t) {
    return absl::StrCat(std::string(1, static_cast<char>(t.size())), t);
  };
  return absl::StrCat("\x83\x86\x04", text("/aziot.keys.v1.Keys/GetKey"), "\x01", text("localhost"),
                      "\x0f\x10", text("application/grpc"), std::string(1, '\0'), text("te"),
                      text("trailers"));
}
std::string Headers(uint32_t stream, uint8_t flags = kEndHeaders) {
  return Frame(Http2Frame::kHeaders, flags, stream, CallFields());
}
std::string Start() {
  return absl::StrCat("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Frame(Http2Frame::kSettings, 0, 0, ""));
}
const std::string kCalm =
    Frame(Http2Frame::kGoAway, 0, 0, absl::string_view("\x7f\xff\xff\xff\0\0\0\x0b", 8));

struct Flood {
  const char* name;
  std::function<std::string(uint32_t)> piece;  // of the number of the piece, from 0
  std::string first;                           // before the pieces
  uint32_t at_most = 20'000;                   // pieces until it is cut off
};

// False when the server took all pieces.
bool IsCutOff(RawClient& client, const Flood& flood) {
  if (!client.Send(Start() + flood.first)) return true;
  std::string batch;
  for (uint32_t i = 0; i < flood.at_most; ++i) {
    batch += flood.piece(i);
    if (i % 64 != 63) continue;
    if (!client.Send(batch)) return true;
    batch.clear();
  }
  return !client.Send(batch) || client.EndsWithin(absl::Seconds(20));
}

class FloodTest : public ::testing::TestWithParam<Flood> {};

TEST_P(FloodTest, IsCutOffAndOthersAreServed) {
  TestServer server(WithModule());
  RawClient abuser(server.socket());
  EXPECT_TRUE(IsCutOff(abuser, GetParam()));
  RawClient observer(server.socket());
  ASSERT_TRUE(observer.Send("GET /metrics HTTP/1.1\r\n\r\n"));
  EXPECT_THAT(observer.ReadAnswer(), Not(HasSubstr("aziot_cut_connections_total 0\n")));
  EXPECT_EQ(GrpcClient(server, "get a").Line(), "a");
}

std::string Ping(uint32_t) { return Frame(Http2Frame::kPing, 0, 0, "12345678"); }

INSTANTIATE_TEST_SUITE_P(
    All, FloodTest,
    ::testing::Values(
        Flood{"RapidReset",
              [](uint32_t i) {
                return Headers(2 * i + 1, kEndHeaders | kEndStream) +
                       Frame(Http2Frame::kRstStream, 0, 2 * i + 1, absl::string_view("\0\0\0\x08", 4));
              },
              ""},
        Flood{"Settings", [](uint32_t) { return Frame(Http2Frame::kSettings, 0, 0, ""); }, ""},
        Flood{"LargeSettings",
              [](uint32_t) {
                std::string many;
                for (int i = 0; i < 2000; ++i) many.append("\0\x04\0\0\xff\xff", 6);
                return Frame(Http2Frame::kSettings, 0, 0, many);
              },
              "", 1000},
        Flood{"SettingsAcks", [](uint32_t) { return Frame(Http2Frame::kSettings, 1, 0, ""); }, ""},
        Flood{"PingAcks", [](uint32_t) { return Frame(Http2Frame::kPing, 1, 0, "12345678"); }, ""},
        Flood{"Continuations", [](uint32_t) { return Frame(Http2Frame::kContinuation, 0, 1, ""); },
              Headers(1, 0), 64},
        Flood{"LargeHeaderBlock",
              [](uint32_t) { return Frame(Http2Frame::kContinuation, 0, 1, std::string(8000, '\0')); },
              Headers(1, 0), 3},
        Flood{"ManyStreams", [](uint32_t i) { return Headers(2 * i + 1); }, "", 40},
        Flood{"EmptyData", [](uint32_t) { return Frame(Http2Frame::kData, 0, 1, ""); }, Headers(1)},
        Flood{"TinyData", [](uint32_t) { return Frame(Http2Frame::kData, 0, 1, absl::string_view("\0", 1)); },
              Headers(1)},
        Flood{"WindowUpdates",
              [](uint32_t) {
                return Frame(Http2Frame::kWindowUpdate, 0, 0, absl::string_view("\0\0\0\x01", 4));
              },
              ""},
        Flood{
            "Priorities",
            [](uint32_t) { return Frame(Http2Frame::kPriority, 0, 1, absl::string_view("\0\0\0\0\x10", 5)); },
            ""},
        Flood{"UnknownFrames", [](uint32_t) { return Frame(0xbb, 0, 0, ""); }, ""},
        Flood{"LargeFrame", [](uint32_t) { return Frame(0xbb, 0, 0, std::string(16 * 1024 + 1, 'x')); }, "",
              1}),
    [](const auto& info) { return std::string(info.param.name); });

// gRPC may be the one who does it.
TEST(AbuseTest, APingFloodEnds) {
  TestServer server(WithModule());
  RawClient abuser(server.socket());
  EXPECT_TRUE(IsCutOff(abuser, {"", Ping, ""}));
}

TEST(AbuseTest, WhoIsCutOffIsToldToCalmDown) {
  TestServer server(WithModule());
  RawClient abuser(server.socket());
  std::string streams = Start();
  for (uint32_t i = 0; i < 33; ++i) streams += Headers(2 * i + 1);
  ASSERT_TRUE(abuser.Send(streams));
  EXPECT_THAT(abuser.ReadAnswer(), EndsWith(kCalm));
}

TEST(AbuseTest, ACallWithoutItsRequestEndsItsConnection) {
  Options options = WithModule();
  options.limits.set_body_seconds(1);
  TestServer server(options);
  GrpcClient watching(server, "watch 2");
  EXPECT_EQ(watching.Line(), "first");
  RawClient abuser(server.socket());
  ASSERT_TRUE(abuser.Send(Start() + Headers(1)));
  EXPECT_THAT(abuser.ReadAnswer(), EndsWith(kCalm));
  server.identities().SetDevice("second");
  EXPECT_EQ(watching.Line(), "second");
}

TEST(AbuseTest, WhoComesBackToAbuseIsRefusedAndAnotherUserIsNot) {
  if (geteuid() != 0) GTEST_SKIP() << "only root may become another user";
  TestServer server(WithModule());
  server.AllowEveryone();
  std::string streams = Start();
  for (uint32_t i = 0; i < 33; ++i) streams += Headers(2 * i + 1);
  bool refused = false;
  for (int i = 0; i < 1000 && !refused; ++i) {
    RawClient abuser(server.socket());
    abuser.Send(streams);
    refused = abuser.ReadAnswer().empty();
  }
  EXPECT_TRUE(refused);
  EXPECT_EQ(GrpcClient(server, "--uid 64001 get a").Line(), "a");
}

TEST(AbuseTest, WhoCallsALotIsServed) {
  TestServer server(WithModule());
  const char* asked = std::getenv("AZIOT_GRPC_CALLS");
  const std::string calls = asked != nullptr ? asked : "5000";
  EXPECT_EQ(GrpcClient(server, "many " + calls).Line(), calls);
  EXPECT_EQ(GrpcClient(server, "watches 300").Line(), "300");
}

}  // namespace
}  // namespace aziot::server
