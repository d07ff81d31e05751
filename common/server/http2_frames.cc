#include "common/server/http2_frames.h"

#include <algorithm>

namespace aziot::server {
namespace {

constexpr size_t kPrefaceBytes = 24;  // RFC 9113, 3.4

}  // namespace

Http2Frames::Http2Frames(From from) : to_skip_(from == From::kClient ? kPrefaceBytes : 0) {}

std::optional<Http2Frame> Http2Frames::Next(BytesView& bytes) {
  const size_t skipped = std::min(to_skip_, bytes.size());
  to_skip_ -= skipped;
  bytes = bytes.subspan(skipped);
  const size_t taken = std::min(header_.size() - have_, bytes.size());
  std::copy_n(bytes.begin(), taken, header_.begin() + static_cast<ptrdiff_t>(have_));
  have_ += taken;
  bytes = bytes.subspan(taken);
  if (have_ < header_.size()) return std::nullopt;
  have_ = 0;
  const auto byte = [this](size_t i) { return static_cast<uint32_t>(header_[i]); };
  Http2Frame frame;
  frame.length = byte(0) << 16 | byte(1) << 8 | byte(2);
  frame.type = header_[3];
  frame.flags = header_[4];
  frame.stream = (byte(5) & 0x7f) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8);
  to_skip_ = frame.length;
  return frame;
}

}  // namespace aziot::server
