#include "keyd/backend/worker/channel.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "keyd/backend/worker/login_record.h"
#include "keyd/backend/worker/messages.h"
#include "keyd/backend/worker/passed_socket.h"
#include "keyd/backend/worker/worker_process.h"

namespace aziot::keyd::worker {
namespace {

struct Ends {
  Ends() {
    int made[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, made) != 0) std::abort();
    ours = Channel(files::Descriptor(made[0]));
    theirs = Channel(files::Descriptor(made[1]));
  }
  void SendRaw(absl::string_view bytes) {
    ASSERT_EQ(send(theirs.fd(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }
  Channel ours, theirs;
};

v1::Answer AnswerOf(size_t size) {
  v1::Answer answer;
  answer.set_output(std::string(size, 'x'));
  return answer;
}

TEST(ChannelTest, MessagesOfAnySizePass) {
  for (const size_t size : {0u, 1u, 4'086u, 4'087u, 4'088u, 4'089u, 4'096u, 65'536u, 3'000'000u}) {
    Ends ends;
    std::thread sender([&] { EXPECT_EQ(ends.theirs.Send(AnswerOf(size)), Transfer::kDone); });
    v1::Answer received;
    EXPECT_EQ(ends.ours.Receive(received), Transfer::kDone);
    sender.join();
    EXPECT_EQ(received.output().size(), size);
  }
}

TEST(ChannelTest, APieceAtATimeIsFine) {
  Ends ends;
  std::thread sender([&] {
    const std::string text = AnswerOf(3).SerializeAsString();
    ends.SendRaw({"\5\0\0\0", 4});
    for (const char& byte : text) ends.SendRaw({&byte, 1});
  });
  v1::Answer received;
  EXPECT_EQ(ends.ours.Receive(received), Transfer::kDone);
  sender.join();
  EXPECT_EQ(received.output(), "xxx");
}

TEST(ChannelTest, WhatNobodyReadWasNotDelivered) {
  Ends ends;
  ASSERT_EQ(ends.ours.Send(AnswerOf(10)), Transfer::kDone);
  ends.theirs = Channel();
  v1::Answer answer;
  EXPECT_EQ(ends.ours.Receive(answer), Transfer::kNotDelivered);
  EXPECT_EQ(ends.ours.Send(AnswerOf(10)), Transfer::kNotDelivered);
}

TEST(ChannelTest, WhatWasReadMayHaveBeenDone) {
  Ends ends;
  ASSERT_EQ(ends.ours.Send(AnswerOf(10)), Transfer::kDone);
  v1::Answer answer;
  ASSERT_EQ(ends.theirs.Receive(answer), Transfer::kDone);
  ends.theirs = Channel();
  EXPECT_EQ(ends.ours.Receive(answer), Transfer::kClosed);
}

TEST(ChannelTest, HalfAMessageIsNone) {
  Ends ends;
  ends.SendRaw({"\5\0\0\0\x1a", 5});
  ends.theirs = Channel();
  v1::Answer answer;
  EXPECT_EQ(ends.ours.Receive(answer), Transfer::kClosed);
}

TEST(ChannelTest, GarbageIsNoMessage) {
  for (const absl::string_view bytes : {absl::string_view("\xff\xff\xff\xff", 4),     // too long
                                        absl::string_view("\1\0\0\4", 4),             // one byte too long
                                        absl::string_view("\2\0\0\0\xff\xff", 6),     // no message
                                        absl::string_view("\0\0\0\0\0\0\0\0", 8)}) {  // more than one
    Ends ends;
    ends.SendRaw(bytes);
    v1::Answer answer;
    EXPECT_EQ(ends.ours.Receive(answer), Transfer::kGarbage);
  }
}

TEST(ChannelTest, WaitsNoLongerThanItMay) {
  Ends ends;
  ends.ours.SetTimeout(std::chrono::milliseconds(50));
  v1::Answer answer;
  EXPECT_EQ(ends.ours.Receive(answer), Transfer::kTimeout);
  // Nobody reads, and the socket is full.
  EXPECT_EQ(ends.ours.Send(AnswerOf(10'000'000)), Transfer::kTimeout);
}

TEST(ChannelTest, ATrickleDoesNotKeepItWaiting) {
  Ends ends;
  ends.ours.SetTimeout(std::chrono::milliseconds(100));
  std::atomic<bool> stop = false;
  std::thread trickle([&] {
    ends.SendRaw({"\xff\xff\0\0", 4});
    while (!stop) {
      ends.SendRaw("x");
      usleep(1000);
    }
  });
  v1::Answer answer;
  EXPECT_EQ(ends.ours.Receive(answer), Transfer::kTimeout);
  stop = true;
  trickle.join();
}

TEST(ControlSocketTest, PassesSocketsAndTheEnd) {
  Ends ends, passed;
  ASSERT_TRUE(SendSocket(ends.theirs.fd(), passed.theirs.fd()));
  passed.theirs = Channel();
  ControlMessage message = ReceiveControl(ends.ours.fd());
  ASSERT_EQ(message.kind, ControlMessage::Kind::kSocket);
  Channel received(std::move(message.socket));
  EXPECT_EQ(received.Send(AnswerOf(1)), Transfer::kDone);
  v1::Answer answer;
  EXPECT_EQ(passed.ours.Receive(answer), Transfer::kDone);

  ASSERT_TRUE(SendFinish(ends.theirs.fd()));
  EXPECT_EQ(ReceiveControl(ends.ours.fd()).kind, ControlMessage::Kind::kFinish);
  ends.theirs = Channel();
  EXPECT_EQ(ReceiveControl(ends.ours.fd()).kind, ControlMessage::Kind::kGone);
}

TEST(LoginRecordTest, IsSharedThroughItsDescriptor) {
  auto record = LoginRecord::New();
  ASSERT_TRUE(record.ok());
  auto other = LoginRecord::FromDescriptor(files::Descriptor(dup(record->fd())));
  ASSERT_TRUE(other.ok());
  EXPECT_FALSE(other->refused());
  record->Starts();
  EXPECT_TRUE(other->refused());
  record->Ends(LoginRecord::State::kAccepted);
  EXPECT_FALSE(other->refused());
  record->Ends(LoginRecord::State::kRefused);
  EXPECT_TRUE(other->refused());
  EXPECT_FALSE(LoginRecord::FromDescriptor(files::Descriptor()).ok());
}

}  // namespace
}  // namespace aziot::keyd::worker
