// Frames must not depend on how the bytes were cut, and must account for every byte.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "common/server/http2_allowance.h"
#include "common/server/http2_frames.h"
#include "common/server/http2_meter.h"

namespace {

using aziot::BytesView;
using aziot::server::Http2Allowance;
using aziot::server::Http2Frame;
using aziot::server::Http2Frames;
using aziot::server::Http2Meter;

struct Seen {
  std::vector<Http2Frame> frames;
  bool between = false;
};

Seen Read(BytesView bytes, size_t step) {
  Http2Frames frames(Http2Frames::From::kClient);
  Seen seen;
  while (!bytes.empty()) {
    BytesView piece = bytes.first(std::min(step, bytes.size()));
    bytes = bytes.subspan(piece.size());
    while (const auto frame = frames.Next(piece)) seen.frames.push_back(*frame);
    if (!piece.empty()) std::abort();
  }
  seen.between = frames.between_frames();
  return seen;
}

bool Same(const Http2Frame& a, const Http2Frame& b) {
  return a.length == b.length && a.type == b.type && a.flags == b.flags && a.stream == b.stream;
}

// Half of the bytes from the client, half from the server: no verdict is taken back.
void Meter(BytesView bytes) {
  Http2Allowance allowance;
  Http2Meter meter(allowance, 1, {});
  const BytesView client = bytes.first(bytes.size() / 2), server = bytes.subspan(bytes.size() / 2);
  const bool cut = !meter.FromClient(client, {}).empty();
  meter.FromServer(server);
  if (cut && meter.FromClient({}, {}).empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const BytesView bytes(data, size);
  const Seen whole = Read(bytes, size);
  size_t most = 24;
  for (const Http2Frame& frame : whole.frames) most += Http2Frame::kHeaderBytes + frame.length;
  if (whole.between && size >= 24 && most != size) std::abort();
  for (const size_t step : {size_t{1}, size_t{4}, size_t{25}}) {
    const Seen again = Read(bytes, step);
    if (again.between != whole.between || !std::equal(again.frames.begin(), again.frames.end(),
                                                      whole.frames.begin(), whole.frames.end(), Same)) {
      std::abort();
    }
  }
  Meter(bytes);
  return 0;
}
