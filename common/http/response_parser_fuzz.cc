// A response must not depend on how its bytes were cut, and its bounds must hold.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/http/response_parser.h"

namespace {

using aziot::http::ResponseParser;

constexpr size_t kMost = 512;

struct Outcome {
  ResponseParser::State state = ResponseParser::State::kNeedMore;
  std::string text;  // when it is done
};

Outcome Read(aziot::BytesView bytes, size_t step, ResponseParser::Body body) {
  ResponseParser parser(kMost, body);
  Outcome outcome;
  while (!bytes.empty() && outcome.state == ResponseParser::State::kNeedMore) {
    const aziot::BytesView piece = bytes.first(std::min(step, bytes.size()));
    bytes = bytes.subspan(piece.size());
    outcome.state = parser.Feed(piece);
  }
  if (outcome.state == ResponseParser::State::kNeedMore) outcome.state = parser.FeedEnd();
  if (outcome.state != ResponseParser::State::kDone) return outcome;
  const aziot::http::Response response = parser.Take();
  if (response.body.size() > kMost || response.status < 100 || response.status > 999) std::abort();
  absl::StrAppend(&outcome.text, response.status, "\n");
  for (const auto& [name, value] : response.headers) absl::StrAppend(&outcome.text, name, ":", value, "\n");
  outcome.text += response.body;
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const aziot::BytesView bytes(data, size);
  for (const auto body : {ResponseParser::Body::kAsDeclared, ResponseParser::Body::kNone}) {
    const Outcome whole = Read(bytes, std::max<size_t>(size, 1), body);
    for (const size_t step : {size_t{1}, size_t{3}, size_t{16}}) {
      const Outcome again = Read(bytes, step, body);
      // A bad line may be found at once, or only when its header has ended.
      if (again.state == whole.state && again.text != whole.text) std::abort();
      if ((again.state == ResponseParser::State::kDone) != (whole.state == ResponseParser::State::kDone))
        std::abort();
    }
  }
  return 0;
}
