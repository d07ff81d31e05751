// A request must not depend on how its bytes were cut, and its bounds must hold.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/http/request_parser.h"
#include "common/http/target.h"

namespace {

using aziot::http::RequestLimits;
using aziot::http::RequestParser;

constexpr RequestLimits kLimits{.header_bytes = 512, .fields = 8, .body_bytes = 256};

struct Transcript {
  std::string text;
  bool error = false;
  bool unfinished = false;
};

Transcript Read(aziot::BytesView bytes, size_t step) {
  RequestParser parser(kLimits);
  Transcript transcript;
  std::string& out = transcript.text;
  while (!bytes.empty()) {
    const auto progress = parser.Feed(bytes.first(std::min(step, bytes.size())));
    if (progress.consumed > std::min(step, bytes.size())) std::abort();
    transcript.error = progress.state == RequestParser::State::kError;
    if (transcript.error) return transcript;
    bytes = bytes.subspan(progress.consumed);
    if (progress.state != RequestParser::State::kDone) continue;
    const aziot::http::Request request = parser.Take();
    if (request.body.size() > kLimits.body_bytes || request.headers.size() > kLimits.fields ||
        request.target.size() > kLimits.header_bytes) {
      std::abort();
    }
    if (aziot::http::ParseTarget(request.target).path.empty()) std::abort();
    absl::StrAppend(&out, request.method, " ", request.target, " ", request.keep_alive, "\n");
    for (const auto& [name, value] : request.headers) {
      if (value.find_first_of("\r\n\0", 0, 3) != std::string::npos) std::abort();
      absl::StrAppend(&out, name, ":", value, "\n");
    }
    absl::StrAppend(&out, request.body, "\n");
  }
  transcript.unfinished = parser.started();
  return transcript;
}

// A bad line may be found at once, or only when its header has ended: pieces that end before may leave it
// undecided.
bool Agree(const Transcript& a, const Transcript& b) {
  return a.text == b.text && (a.error == b.error || a.unfinished || b.unfinished);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const aziot::BytesView bytes(data, size);
  const Transcript whole = Read(bytes, size);
  for (const size_t step : {size_t{1}, size_t{3}, size_t{16}}) {
    if (!Agree(Read(bytes, step), whole)) std::abort();
  }
  return 0;
}
