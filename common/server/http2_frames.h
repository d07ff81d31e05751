// Finds the frames in one direction of an HTTP/2 connection (RFC 9113, 4.1) by their headers; what they carry
// is passed over. Takes the stream in any pieces and keeps nothing of it but a header that is not whole yet.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/bytes/bytes.h"

namespace aziot::server {

struct Http2Frame {
  // RFC 9113, 6. Others are legal and to be ignored.
  enum Type : uint8_t {
    kData = 0,
    kHeaders = 1,
    kPriority = 2,
    kRstStream = 3,
    kSettings = 4,
    kPushPromise = 5,
    kPing = 6,
    kGoAway = 7,
    kWindowUpdate = 8,
    kContinuation = 9,
  };
  static constexpr size_t kHeaderBytes = 9;

  size_t length = 0;  // of the payload
  uint8_t type = 0;
  uint8_t flags = 0;
  uint32_t stream = 0;

  bool ends_stream() const { return (type == kData || type == kHeaders) && (flags & 0x1) != 0; }
  bool ends_headers() const { return (flags & 0x4) != 0; }
};

class Http2Frames {
 public:
  enum class From { kClient, kServer };  // a client begins with the preface

  explicit Http2Frames(From from);

  // Advances `bytes` past the next frame header that is whole, and gives it. Nothing: all of `bytes` was
  // passed.
  std::optional<Http2Frame> Next(BytesView& bytes);
  // A frame of our own may stand here.
  bool between_frames() const { return to_skip_ == 0 && have_ == 0; }

 private:
  size_t to_skip_;  // of the payload at hand
  std::array<uint8_t, Http2Frame::kHeaderBytes> header_{};
  size_t have_ = 0;  // of header_
};

}  // namespace aziot::server
