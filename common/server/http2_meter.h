// Watches what the client of one gRPC connection sends, frame by frame, and says when it is to be cut off:
// gRPC answers floods of cheap frames with work, and cuts only some of them itself. What the server answers
// pays for what its client sends besides its calls (pings, window updates, cancellations); what nothing pays
// for comes out of a small allowance of the connection, and then of its uid's.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/bytes/bytes.h"
#include "common/server/http2_allowance.h"
#include "common/server/http2_frames.h"

namespace aziot::server {

class Http2Meter {
 public:
  using Steady = std::chrono::steady_clock;
  // Streams a client may have open at a time; what gRPC announces is the same.
  static constexpr size_t kStreams = 32;
  // SETTINGS_MAX_FRAME_SIZE, which our gRPC leaves as it is by default (RFC 9113, 6.5.2).
  static constexpr size_t kFrameBytes = 16 * 1024;
  // A header block; gRPC itself takes half of it, once unpacked.
  static constexpr size_t kHeaderBlockBytes = 16 * 1024;
  // No client has a reason to cut a block of that size into more.
  static constexpr int kContinuations = 4;

  Http2Meter(Http2Allowance& allowance, uid_t uid, Steady::time_point now);

  // Bytes that came from the client, in order. Why the connection is to be ended, or "".
  absl::string_view FromClient(BytesView bytes, Steady::time_point now);
  // Bytes that go to the client, in order.
  void FromServer(BytesView bytes);
  // Since when a call lacks its request, for the one that waits longest.
  std::optional<Steady::time_point> LacksRequestSince() const;
  // Whether a frame may be put between those of the server.
  bool between_server_frames() const { return server_.between_frames(); }

 private:
  struct Stream {
    uint32_t id;
    Steady::time_point opened;
    bool whole;  // its client has sent all it will
  };

  // What the frame costs; less than zero: `why_` says why the connection is to be ended.
  double CostOf(const Http2Frame& frame, Steady::time_point now);
  double CostOfHeaders(const Http2Frame& frame, Steady::time_point now);
  double Cut(absl::string_view why);
  bool Spend(double cost, Steady::time_point now);
  std::vector<Stream>::iterator Find(uint32_t id);

  Http2Allowance& allowance_;
  const uid_t uid_;
  Http2Frames client_{Http2Frames::From::kClient};
  Http2Frames server_{Http2Frames::From::kServer};
  std::vector<Stream> streams_;  // open; in the order of their numbers
  uint32_t newest_ = 0;
  size_t block_bytes_ = 0;  // of the header block at hand
  int continuations_ = 0;
  double left_;  // of the connection's own allowance
  Steady::time_point refilled_;
  absl::string_view why_;
};

}  // namespace aziot::server
