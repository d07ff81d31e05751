// The parts of the meter that need no socket: frames, allowances, and what pays for what.
#include "common/server/http2_meter.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace aziot::server {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::seconds;

std::string Frame(uint8_t type, uint8_t flags, uint8_t stream, size_t length = 0) {
  std::string frame(Http2Frame::kHeaderBytes + length, '\0');
  frame[0] = static_cast<char>(length >> 16);
  frame[1] = static_cast<char>(length >> 8);
  frame[2] = static_cast<char>(length);
  frame[3] = static_cast<char>(type);
  frame[4] = static_cast<char>(flags);
  frame[8] = static_cast<char>(stream);
  return frame;
}
const std::string kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const std::string kPing = Frame(Http2Frame::kPing, 0, 0, 8);

TEST(Http2FramesTest, FindsFramesHoweverTheBytesAreCut) {
  const std::string wire = absl::StrCat(kPreface, Frame(Http2Frame::kSettings, 0, 0, 12),
                                        Frame(0x7f, 9, 255, 70'000), Frame(Http2Frame::kData, 1, 3, 0));
  for (const size_t step : {size_t{1}, size_t{5}, size_t{24}, wire.size()}) {
    Http2Frames frames(Http2Frames::From::kClient);
    std::vector<Http2Frame> found;
    for (size_t at = 0; at < wire.size(); at += step) {
      BytesView bytes = ToBytesView(absl::string_view(wire).substr(at, step));
      while (const auto frame = frames.Next(bytes)) found.push_back(*frame);
      EXPECT_TRUE(bytes.empty());
    }
    ASSERT_EQ(found.size(), 3u);
    EXPECT_EQ(found[0].length, 12u);
    EXPECT_EQ(found[1].length, 70'000u);
    EXPECT_EQ(found[1].type, 0x7f);
    EXPECT_EQ(found[1].flags, 9);
    EXPECT_EQ(found[1].stream, 255u);
    EXPECT_TRUE(found[2].ends_stream());
    EXPECT_TRUE(frames.between_frames());
  }
}

class Http2MeterTest : public ::testing::Test {
 protected:
  absl::string_view Client(absl::string_view wire, Http2Meter& meter) {
    return meter.FromClient(ToBytesView(wire), now_);
  }
  // How many more pings until it is cut off, at most `most`.
  int PingsLeft(Http2Meter& meter, int most) {
    for (int i = 0; i < most; ++i) {
      if (!Client(kPing, meter).empty()) return i;
    }
    return most;
  }
  void SpendTheUidsAllowance() {
    while (allowance_.Spend(1, 1, now_)) {
    }
  }
  Http2Meter NewMeter() {
    Http2Meter meter(allowance_, 1, now_);
    EXPECT_EQ(Client(kPreface, meter), "");
    return meter;
  }

  Steady::time_point now_{};
  Http2Allowance allowance_;
};

TEST_F(Http2MeterTest, AFreshConnectionHasAFewFramesOfItsOwn) {
  SpendTheUidsAllowance();
  Http2Meter meter = NewMeter();
  EXPECT_EQ(PingsLeft(meter, 62), 62);  // a ping of 8 bytes counts a little more than one
  now_ += seconds(5);
  allowance_.Spend(1, 2000, now_);
  EXPECT_EQ(PingsLeft(meter, 1000), 9);
}

TEST_F(Http2MeterTest, AnswersPayForPings) {
  SpendTheUidsAllowance();
  Http2Meter meter = NewMeter();
  EXPECT_EQ(PingsLeft(meter, 62), 62);
  meter.FromServer(ToBytesView(Frame(Http2Frame::kData, 0, 1, 5)));
  EXPECT_EQ(PingsLeft(meter, 1000), 7);
}

TEST_F(Http2MeterTest, AnsweringPingsPaysForNothing) {
  SpendTheUidsAllowance();
  Http2Meter meter = NewMeter();
  int pings = 0;
  while (pings < 1000 && Client(kPing, meter).empty()) {
    meter.FromServer(ToBytesView(kPing));
    ++pings;
  }
  EXPECT_LT(pings, 100);
}

TEST_F(Http2MeterTest, CancellingWhatWasAnsweredIsPaidFor) {
  SpendTheUidsAllowance();
  Http2Meter meter = NewMeter();
  for (uint8_t stream = 1; stream < 201; stream += 2) {
    ASSERT_EQ(Client(Frame(Http2Frame::kHeaders, 5, stream), meter), "");
    meter.FromServer(
        ToBytesView(Frame(Http2Frame::kHeaders, 4, stream) + Frame(Http2Frame::kData, 0, stream, 5)));
    ASSERT_EQ(Client(Frame(Http2Frame::kRstStream, 0, stream, 4), meter), "") << int{stream};
    now_ += seconds(1);
  }
}

TEST_F(Http2MeterTest, CancellingWhatWasNotIsNot) {
  SpendTheUidsAllowance();
  Http2Meter meter = NewMeter();
  int resets = 0;
  for (uint8_t stream = 1; stream < 201; stream += 2, ++resets) {
    if (!Client(Frame(Http2Frame::kHeaders, 5, stream) + Frame(Http2Frame::kRstStream, 0, stream, 4), meter)
             .empty())
      break;
  }
  EXPECT_LT(resets, 10);
}

TEST_F(Http2MeterTest, WhatGrpcResetsItselfIsOwed) {
  SpendTheUidsAllowance();
  Http2Meter meter = NewMeter();
  int calls = 0;
  for (uint8_t stream = 1; stream < 201; stream += 2, ++calls) {
    if (!Client(Frame(Http2Frame::kHeaders, 5, stream), meter).empty()) break;
    meter.FromServer(ToBytesView(Frame(Http2Frame::kRstStream, 0, stream, 4)));
  }
  EXPECT_LT(calls, 10);
}

TEST_F(Http2MeterTest, StreamsAreCountedUntilTheServerEndsThem) {
  Http2Meter meter = NewMeter();
  for (uint8_t stream = 1; stream < 65; stream += 2)
    ASSERT_EQ(Client(Frame(Http2Frame::kHeaders, 5, stream), meter), "");
  meter.FromServer(ToBytesView(Frame(Http2Frame::kHeaders, 5, 31)));
  EXPECT_EQ(Client(Frame(Http2Frame::kHeaders, 5, 65), meter), "");
  EXPECT_NE(Client(Frame(Http2Frame::kHeaders, 5, 67), meter), "");
  EXPECT_NE(Client("", meter), "") << "the verdict stands";
}

TEST_F(Http2MeterTest, KnowsWhichCallsLackTheirRequest) {
  Http2Meter meter = NewMeter();
  EXPECT_FALSE(meter.LacksRequestSince().has_value());
  Client(Frame(Http2Frame::kHeaders, 4, 1) + Frame(Http2Frame::kHeaders, 5, 3), meter);
  EXPECT_EQ(meter.LacksRequestSince(), now_);
  Client(Frame(Http2Frame::kData, 1, 1, 5), meter);
  EXPECT_FALSE(meter.LacksRequestSince().has_value());
}

TEST_F(Http2MeterTest, AUidsAllowanceIsOfAllItsConnectionsAndOfNobodyElse) {
  SpendTheUidsAllowance();
  EXPECT_TRUE(allowance_.Spend(2, 1, now_));
  now_ += seconds(1);
  EXPECT_TRUE(allowance_.Spend(1, 400, now_));
  EXPECT_FALSE(allowance_.Spend(1, 1, now_));
}

TEST_F(Http2MeterTest, ACutCostsConnections) {
  for (int i = 0; i < 16; ++i) allowance_.WasCut(1, now_);
  EXPECT_FALSE(allowance_.Connect(1, now_));
  EXPECT_TRUE(allowance_.Connect(2, now_));
  now_ += seconds(1);
  EXPECT_TRUE(allowance_.Connect(1, now_));
}

TEST_F(Http2MeterTest, RememberedUidsAreForgottenWhenTheyAreAtRest) {
  for (uid_t uid = 0; uid < 1000; ++uid) {
    EXPECT_TRUE(allowance_.Connect(uid, now_));
    now_ += seconds(1);
  }
  EXPECT_LT(allowance_.remembered(), 100u);
}

}  // namespace
}  // namespace aziot::server
