#include "tests/wire/sample.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace aziot::tests {
namespace {

// The gRPC codes that may stand for each HTTP status: one class of error on both fronts.
const std::map<int, std::vector<absl::string_view>>& Classes() {
  static const auto* classes = new std::map<int, std::vector<absl::string_view>>{
      {200, {"OK"}},
      {201, {"OK"}},
      {204, {"OK"}},
      {400, {"INVALID_ARGUMENT", "FAILED_PRECONDITION"}},
      {401, {"PERMISSION_DENIED"}},
      {404, {"UNAVAILABLE"}},
      {415, {}},
      {422, {"INVALID_ARGUMENT"}},
      {500, {"INTERNAL"}},
  };
  return *classes;
}

// `name: value` with a lower-case name.
std::optional<std::pair<std::string, std::string>> HeaderOf(absl::string_view line) {
  const size_t colon = line.find(':');
  if (colon == absl::string_view::npos || colon == 0) return std::nullopt;
  const absl::string_view name = line.substr(0, colon);
  const bool is_name =
      std::all_of(name.begin(), name.end(), [](char c) { return absl::ascii_islower(c) || c == '-'; });
  if (!is_name) return std::nullopt;
  return std::pair(std::string(name), std::string(absl::StripAsciiWhitespace(line.substr(colon + 1))));
}

// `user@daemon VERB target`.
std::optional<Step> RequestOf(absl::string_view line) {
  const std::vector<absl::string_view> words = absl::StrSplit(line, absl::MaxSplits(' ', 2));
  const std::vector<absl::string_view> who = absl::StrSplit(words[0], '@');
  if (words.size() != 3 || who.size() != 2) return std::nullopt;
  const bool is_verb = std::all_of(words[1].begin(), words[1].end(), absl::ascii_isupper);
  if (!is_verb) return std::nullopt;
  Step step;
  step.user = std::string(who[0]);
  step.daemon = std::string(who[1]);
  step.verb = std::string(words[1]);
  step.target = std::string(words[2]);
  return step;
}

class Parser {
 public:
  explicit Parser(absl::string_view text) : lines_(absl::StrSplit(text, '\n')) {}

  absl::StatusOr<Sample> Run() {
    while (next_ < lines_.size()) {
      if (absl::Status line = ReadLine(); !line.ok()) {
        return absl::InvalidArgumentError(absl::StrCat("line ", next_, ": ", line.message()));
      }
    }
    if (sample_.title.empty())
      return absl::InvalidArgumentError("a sample begins with a line `# what it shows`");
    if (sample_.steps.empty()) return absl::InvalidArgumentError("no request");
    for (const Step& step : sample_.steps) {
      if (absl::Status fits = Check(step); !fits.ok()) {
        return absl::InvalidArgumentError(absl::StrCat("line ", step.line, ": ", fits.message()));
      }
    }
    return std::move(sample_);
  }

 private:
  absl::Status ReadLine() {
    absl::string_view line = lines_[next_++];
    if (absl::ConsumePrefix(&line, "# ")) {
      if (sample_.title.empty()) sample_.title = std::string(line);
      return absl::OkStatus();
    }
    if (absl::StripAsciiWhitespace(line).empty()) return absl::OkStatus();
    if (absl::ConsumePrefix(&line, "world ")) {
      sample_.world = std::string(line);
      return absl::OkStatus();
    }
    if (absl::StartsWith(line, "HTTP ") || absl::StartsWith(line, "GRPC ")) return ReadAnswer(line);
    std::optional<Step> step = RequestOf(line);
    if (!step) return absl::InvalidArgumentError("expected `user@daemon VERB target`, HTTP or GRPC");
    step->line = static_cast<int>(next_);
    while (next_ < lines_.size()) {
      auto header = HeaderOf(lines_[next_]);
      if (!header) break;
      step->headers.push_back(*std::move(header));
      ++next_;
    }
    // As in HTTP, an empty line may stand between headers and body.
    while (next_ < lines_.size() && lines_[next_].empty()) ++next_;
    step->body = ReadBody();
    for (const absl::string_view part : {absl::string_view(step->target), absl::string_view(step->body)}) {
      if (absl::StrContains(part, "{{version}}")) sample_.every_version = true;
    }
    sample_.steps.push_back(*std::move(step));
    return absl::OkStatus();
  }

  absl::Status ReadAnswer(absl::string_view line) {
    if (sample_.steps.empty()) return absl::InvalidArgumentError("an answer without a request");
    Step& step = sample_.steps.back();
    if (absl::ConsumePrefix(&line, "HTTP ")) {
      const std::vector<std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 1));
      RestAnswer answer;
      if (!absl::SimpleAtoi(words[0], &answer.status)) return absl::InvalidArgumentError("HTTP and a number");
      answer.body = ReadBody();
      if (words.size() == 2) {
        step.rest_in[words[1]] = std::move(answer);
      } else {
        step.rest = std::move(answer);
      }
      return absl::OkStatus();
    }
    absl::ConsumePrefix(&line, "GRPC ");
    GrpcAnswer answer{.code = std::string(line), .reply = ""};
    answer.reply = ReadBody();
    step.grpc = std::move(answer);
    return absl::OkStatus();
  }

  // Up to an answer or an empty line.
  std::string ReadBody() {
    std::string body;
    for (; next_ < lines_.size(); ++next_) {
      const absl::string_view line = lines_[next_];
      if (line.empty() || absl::StartsWith(line, "HTTP ") || absl::StartsWith(line, "GRPC ")) break;
      absl::StrAppend(&body, body.empty() ? "" : "\n", line);
    }
    return body;
  }

  static absl::Status Check(const Step& step) {
    if (!step.rest && !step.grpc) return absl::InvalidArgumentError("no answer is expected");
    if (!step.is_rest()) {
      if (step.rest) return absl::InvalidArgumentError("CALL and WATCH have no HTTP answer");
      return absl::OkStatus();
    }
    if (!step.rest) return absl::InvalidArgumentError("no HTTP answer is expected");
    if (!step.grpc) return absl::OkStatus();
    const auto codes = Classes().find(step.rest->status);
    if (codes == Classes().end()) return absl::InvalidArgumentError("unknown HTTP status");
    const bool fits =
        std::find(codes->second.begin(), codes->second.end(), step.grpc->code) != codes->second.end();
    if (!fits) return absl::InvalidArgumentError("HTTP status and gRPC code are of different classes");
    return absl::OkStatus();
  }

  const std::vector<absl::string_view> lines_;
  size_t next_ = 0;
  Sample sample_;
};

}  // namespace

absl::StatusOr<Sample> ParseSample(absl::string_view text) { return Parser(text).Run(); }

}  // namespace aziot::tests
