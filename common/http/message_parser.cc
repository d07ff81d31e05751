// Both parsers in one file: the only one that compiles Beast's HTTP grammar.
#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "common/http/request_parser.h"
#include "common/http/response_parser.h"

namespace aziot::http {
namespace {

namespace beast = boost::beast;
namespace beast_http = boost::beast::http;

constexpr size_t kTypicalFields = 8;
constexpr size_t kReserveAtMost = 64 * 1024;    // a declared length is only a promise
constexpr size_t kChunkHeaderBytes = 8 * 1024;  // size line with extensions, or trailer
constexpr size_t kShortestChunkedTail = 5;      // "0\r\n\r\n"

absl::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

// Writes what the grammar finds straight into a message of ours.
template <bool kIsRequest>
class Grammar : public beast_http::basic_parser<kIsRequest> {
 public:
  using Message = std::conditional_t<kIsRequest, Request, Response>;

  explicit Grammar(size_t field_limit) : field_limit_(field_limit) {
    if constexpr (kIsRequest) message.headers.Reserve(kTypicalFields);
  }

  void LookAt(const char* begin, const char* end) {
    begin_ = reinterpret_cast<uintptr_t>(begin);
    end_ = reinterpret_cast<uintptr_t>(end);
  }
  bool start_line_done() const { return start_line_done_; }
  bool header_done() const { return header_done_; }
  bool expects_continue() const { return expects_continue_ && message.body.empty(); }

  Message message;

 private:
  using Error = beast::error_code;

  void on_request_impl(beast_http::verb, beast::string_view method, beast::string_view target, int version,
                       Error&) override {
    if constexpr (kIsRequest) {
      message.method.assign(method.data(), method.size());
      message.target.assign(target.data(), target.size());
    }
    version_ = version;
    start_line_done_ = true;
  }
  void on_response_impl(int code, beast::string_view, int version, Error& error) override {
    if (code < 100) error = beast_http::error::bad_status;  // RFC 9110, 15
    if constexpr (!kIsRequest) message.status = code;
    version_ = version;
    start_line_done_ = true;
  }
  void on_field_impl(beast_http::field field, beast::string_view name, beast::string_view value,
                     Error& error) override {
    if (header_done_) return;  // a trailer: RFC 9110, 6.5.1 allows dropping it
    if (Folded(name, value)) {
      error = beast_http::error::bad_obs_fold;
    } else if (++fields_ > field_limit_) {
      error = beast_http::error::header_limit;
    } else if (field == beast_http::field::transfer_encoding &&
               (version_ < 11 || !absl::EqualsIgnoreCase(View(value), "chunked"))) {
      // A coding that we do not undo leaves the length of the body open to interpretation (RFC 9112, 6.1).
      error = beast_http::error::bad_transfer_encoding;
    } else {
      if (field == beast_http::field::expect && version_ >= 11) {
        expects_continue_ = absl::EqualsIgnoreCase(View(value), "100-continue");
      }
      message.headers.Add(View(name), View(value));
    }
  }
  void on_header_impl(Error&) override { header_done_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, Error&) override {
    message.body.reserve(static_cast<size_t>(std::min<std::uint64_t>(length.value_or(0), kReserveAtMost)));
  }
  std::size_t on_body_impl(beast::string_view body, Error&) override {
    message.body.append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, Error&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, Error&) override {
    message.body.append(body.data(), body.size());
    return body.size();
  }
  void on_finish_impl(Error&) override {}

  // The grammar joins a folded value elsewhere, or skips the line breaks before it; RFC 9112, 5.2 wants it
  // refused.
  bool Folded(beast::string_view name, beast::string_view value) const {
    const auto first = reinterpret_cast<uintptr_t>(value.data());
    if (first < begin_ || first > end_) return true;
    const char* after_name = name.data() + name.size();
    return std::find(after_name, value.data(), '\n') != value.data();
  }

  const size_t field_limit_;
  size_t fields_ = 0;
  int version_ = 0;
  bool start_line_done_ = false;
  bool header_done_ = false;
  bool expects_continue_ = false;
  uintptr_t begin_ = 0;
  uintptr_t end_ = 0;
};

// Drives a grammar over pieces: keeps the part of a line that has come, and holds the sums to the limits.
template <bool kIsRequest>
class Reader {
 public:
  enum class Outcome { kNeedMore, kDone, kError };

  Reader(const RequestLimits& limits, bool skip_body) : limits_(limits), skip_body_(skip_body) { Restart(); }

  Outcome Feed(absl::string_view bytes, size_t& consumed) {
    consumed = 0;
    if (error_status_ != 0) return Outcome::kError;
    if (grammar_->is_done()) return Outcome::kDone;
    const size_t offered = bytes.size();
    if (!started()) SkipLineBreaks(bytes);
    const bool joined = !pending_.empty();
    if (joined) pending_.append(bytes.data(), bytes.size());
    absl::string_view rest = joined ? absl::string_view(pending_) : bytes;
    Parse(rest);
    if (error_status_ != 0) {
      consumed = offered;
      return Outcome::kError;
    }
    if (grammar_->is_done()) {
      consumed = offered - std::min(offered, rest.size());
      pending_.clear();
      return Outcome::kDone;
    }
    consumed = offered;
    if (joined) {
      pending_.erase(0, pending_.size() - rest.size());
    } else {
      pending_.assign(rest.data(), rest.size());
    }
    return Outcome::kNeedMore;
  }

  bool End() {
    if (error_status_ != 0 || !grammar_->got_some() || !pending_.empty()) return false;
    beast::error_code error;
    if (!grammar_->is_done()) grammar_->put_eof(error);
    return !error && grammar_->is_done();
  }

  void Restart() {
    grammar_.emplace(limits_.fields);
    grammar_->header_limit(static_cast<std::uint32_t>(std::min<size_t>(limits_.header_bytes, UINT32_MAX)));
    grammar_->body_limit(static_cast<std::uint64_t>(limits_.body_bytes));
    if (skip_body_) grammar_->skip(true);
    header_bytes_ = 0;
    // It may have held a part of a body, and lives as long as the connection.
    explicit_bzero(pending_.data(), pending_.capacity());
    pending_.clear();
  }

  bool started() const { return grammar_->got_some() || !pending_.empty(); }
  bool has_pending() const { return !pending_.empty(); }
  int error_status() const { return error_status_; }
  Grammar<kIsRequest>& grammar() { return *grammar_; }
  const Grammar<kIsRequest>& grammar() const { return *grammar_; }

 private:
  // RFC 9112, 2.2: empty lines before a request line are ignored.
  void SkipLineBreaks(absl::string_view& bytes) {
    if constexpr (!kIsRequest) return;
    const size_t first = std::min(bytes.find_first_not_of("\r\n"), bytes.size());
    bytes.remove_prefix(first);
    header_bytes_ += first;
    if (header_bytes_ > limits_.header_bytes) error_status_ = 400;
  }

  // Advances `rest` over everything that could be read.
  void Parse(absl::string_view& rest) {
    while (error_status_ == 0 && !rest.empty() && !grammar_->is_done()) {
      const bool in_header = !grammar_->header_done();
      // Beast assumes that a last chunk is complete when it looks at one again; five bytes always follow.
      if (!in_header && grammar_->chunked() && rest.size() < kShortestChunkedTail) return;
      grammar_->LookAt(rest.data(), rest.data() + rest.size());
      beast::error_code error;
      const size_t used = grammar_->put(boost::asio::const_buffer(rest.data(), rest.size()), error);
      rest.remove_prefix(used);
      if (in_header) header_bytes_ += used;
      if (error && error != beast_http::error::need_more) {
        error_status_ = StatusOf(error, rest);
      } else if (in_header) {
        const size_t waiting = grammar_->header_done() ? 0 : rest.size();
        if (header_bytes_ + waiting > limits_.header_bytes) error_status_ = HeaderTooLarge(rest);
      } else if (error && grammar_->chunked() && rest.size() > kChunkHeaderBytes) {
        error_status_ = 400;
      }
      if (error || used == 0) return;
    }
  }

  // Beast may not have looked at a request line that is there.
  int HeaderTooLarge(absl::string_view rest) const {
    const bool line_fits = rest.substr(0, limits_.header_bytes).find('\n') != absl::string_view::npos;
    return grammar_->start_line_done() || line_fits ? 431 : 414;
  }

  int StatusOf(const beast::error_code& error, absl::string_view rest) const {
    if (error == beast_http::error::header_limit) return grammar_->header_done() ? 400 : HeaderTooLarge(rest);
    if (error == beast_http::error::body_limit) return 413;
    return 400;
  }

  const RequestLimits limits_;
  const bool skip_body_;
  std::optional<Grammar<kIsRequest>> grammar_;
  std::string pending_;
  size_t header_bytes_ = 0;
  int error_status_ = 0;
};

}  // namespace

class RequestParser::Impl : public Reader<true> {
 public:
  using Reader<true>::Reader;
};

RequestParser::RequestParser(const RequestLimits& limits) : impl_(std::make_unique<Impl>(limits, false)) {}
RequestParser::~RequestParser() = default;

RequestParser::Progress RequestParser::Feed(BytesView bytes) {
  size_t consumed = 0;
  switch (impl_->Feed(ToText(bytes), consumed)) {
    case Impl::Outcome::kNeedMore:
      return {State::kNeedMore, consumed};
    case Impl::Outcome::kDone:
      return {State::kDone, consumed};
    case Impl::Outcome::kError:
      break;
  }
  return {State::kError, consumed};
}

bool RequestParser::started() const { return impl_->started() && !impl_->grammar().is_done(); }
bool RequestParser::header_done() const { return impl_->grammar().header_done(); }
absl::string_view RequestParser::method() const { return impl_->grammar().message.method; }
bool RequestParser::expects_continue() const {
  const auto& grammar = impl_->grammar();
  return impl_->error_status() == 0 && grammar.header_done() && !grammar.is_done() &&
         grammar.expects_continue() && !impl_->has_pending();
}
int RequestParser::error_status() const { return impl_->error_status(); }

Request RequestParser::Take() {
  Request request = std::move(impl_->grammar().message);
  request.keep_alive = impl_->grammar().is_done() && impl_->grammar().keep_alive();
  impl_->Restart();
  return request;
}

class ResponseParser::Impl : public Reader<false> {
 public:
  using Reader<false>::Reader;
  bool something_came = false;
  bool bytes_left = false;
};

ResponseParser::ResponseParser(size_t max_bytes, Body body)
    : impl_(std::make_unique<Impl>(
          RequestLimits{.header_bytes = max_bytes, .fields = 1000, .body_bytes = max_bytes},
          body == Body::kNone)) {}
ResponseParser::~ResponseParser() = default;

ResponseParser::State ResponseParser::Feed(BytesView bytes) {
  impl_->something_came = impl_->something_came || !bytes.empty();
  absl::string_view rest = ToText(bytes);
  for (;;) {
    size_t consumed = 0;
    const Impl::Outcome outcome = impl_->Feed(rest, consumed);
    if (outcome == Impl::Outcome::kNeedMore) return State::kNeedMore;
    if (outcome == Impl::Outcome::kError) return State::kError;
    rest.remove_prefix(consumed);
    const bool interim = impl_->grammar().message.status / 100 == 1;
    impl_->bytes_left = !rest.empty();
    if (!interim) return State::kDone;
    impl_->Restart();
    if (rest.empty()) return State::kNeedMore;
  }
}

ResponseParser::State ResponseParser::FeedEnd() { return impl_->End() ? State::kDone : State::kError; }

bool ResponseParser::started() const { return impl_->something_came; }
bool ResponseParser::keep_alive() const {
  return impl_->grammar().is_done() && impl_->grammar().keep_alive() && !impl_->bytes_left;
}
Response ResponseParser::Take() { return std::move(impl_->grammar().message); }

}  // namespace aziot::http
