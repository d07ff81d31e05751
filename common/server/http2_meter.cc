#include "common/server/http2_meter.h"

#include <algorithm>
#include <utility>

namespace aziot::server {
namespace {

// What a connection may send before anything was answered: its settings, the first window updates and a ping.
constexpr double kAtFirst = 64;
// What it can save up: enough to cancel all its streams at once, and a ping for each.
constexpr double kAtMost = 512;
// Keeps a connection at rest alive (a ping every few seconds), and is nothing for a thousand connections.
constexpr double kPerSecond = 2;
// An answer, or a value of a watch. A client acknowledges it with a ping and a window update at most, or ends
// its stream; and it has cost us more than what it pays for.
constexpr double kAnswerPays = 8;
// Ending a call that was not answered yet: making and dropping it cost gRPC as much as this many pings.
constexpr double kReset = 8;
// DATA from this size on is bounded by the windows it uses up.
constexpr size_t kFullData = 1024;
// A SETTINGS frame holds one setting in 6 bytes.
constexpr double kBytesLikeAFrame = 256;

}  // namespace

Http2Meter::Http2Meter(Http2Allowance& allowance, uid_t uid, Steady::time_point now)
    : allowance_(allowance), uid_(uid), left_(kAtFirst), refilled_(now) {}

absl::string_view Http2Meter::FromClient(BytesView bytes, Steady::time_point now) {
  double cost = 0;
  while (const std::optional<Http2Frame> frame = client_.Next(bytes)) {
    const double one = CostOf(*frame, now);
    if (one < 0) return why_;
    cost += one;
  }
  if (cost > 0 && !Spend(cost, now)) Cut("too many frames that belong to no call");
  return why_;
}

void Http2Meter::FromServer(BytesView bytes) {
  while (const std::optional<Http2Frame> frame = server_.Next(bytes)) {
    if (frame->type == Http2Frame::kData || frame->ends_stream())
      left_ = std::min(kAtMost, left_ + kAnswerPays);
    const bool refused = frame->type == Http2Frame::kRstStream;
    if (!frame->ends_stream() && !refused) continue;
    const auto stream = Find(frame->stream);
    if (stream == streams_.end()) continue;
    streams_.erase(stream);
    if (refused) left_ -= kReset;  // owed: what was sent was no call
  }
}

std::optional<Http2Meter::Steady::time_point> Http2Meter::LacksRequestSince() const {
  for (const Stream& stream : streams_) {
    if (!stream.whole) return stream.opened;
  }
  return std::nullopt;
}

double Http2Meter::CostOf(const Http2Frame& frame, Steady::time_point now) {
  if (frame.length > kFrameBytes) return Cut("a frame larger than 16 KiB");
  const auto stream = Find(frame.stream);
  const bool open = stream != streams_.end();
  switch (frame.type) {
    case Http2Frame::kData:
      // The end of a request, also an empty one, comes once.
      if (open && frame.ends_stream() && !std::exchange(stream->whole, true)) return 0;
      return frame.length < kFullData ? 1 : 0;
    case Http2Frame::kHeaders:
      return CostOfHeaders(frame, now);
    case Http2Frame::kContinuation:
      block_bytes_ += frame.length;
      if (++continuations_ > kContinuations || block_bytes_ > kHeaderBlockBytes) {
        return Cut("a header block without end");
      }
      return 1;
    case Http2Frame::kRstStream:
      if (!open) return 1;
      streams_.erase(stream);
      return kReset;
    default:
      return 1 + static_cast<double>(frame.length) / kBytesLikeAFrame;
  }
}

double Http2Meter::CostOfHeaders(const Http2Frame& frame, Steady::time_point now) {
  block_bytes_ = frame.length;
  continuations_ = 0;
  if (frame.stream % 2 == 0 || frame.stream <= newest_) {
    if (const auto stream = Find(frame.stream); stream != streams_.end() && frame.ends_stream()) {
      stream->whole = true;
    }
    return 1;
  }
  newest_ = frame.stream;
  if (streams_.size() >= kStreams) return Cut("more than 32 streams at a time");
  streams_.push_back({.id = frame.stream, .opened = now, .whole = frame.ends_stream()});
  return 1;
}

double Http2Meter::Cut(absl::string_view why) {
  why_ = why;
  return -1;
}

bool Http2Meter::Spend(double cost, Steady::time_point now) {
  const double seconds = std::max(0.0, std::chrono::duration<double>(now - refilled_).count());
  left_ = std::min(kAtMost, left_ + kPerSecond * seconds);
  refilled_ = now;
  if (cost <= left_) {
    left_ -= cost;
    return true;
  }
  if (!allowance_.Spend(uid_, cost - left_, now)) return false;
  left_ = 0;
  return true;
}

std::vector<Http2Meter::Stream>::iterator Http2Meter::Find(uint32_t id) {
  const auto found =
      std::lower_bound(streams_.begin(), streams_.end(), id,
                       [](const Stream& stream, uint32_t wanted) { return stream.id < wanted; });
  return found != streams_.end() && found->id == id ? found : streams_.end();
}

}  // namespace aziot::server
