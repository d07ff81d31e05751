#include "openssl-engine/answer.h"

#include "openssl-engine/json.h"

namespace aziot::openssl_engine {
namespace {

// libcrypto cuts the data of an error at about 1 KiB.
constexpr size_t kMaxMessage = 700;

Failure Bad(std::string_view peer, const std::string& text) {
  return {Reason::kBadAnswer, std::string(peer) + "'s answer " + text};
}

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] | 0x20) : text[i];
    if (c != lower[i]) return false;
  }
  return true;
}

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<size_t> ParseNumber(std::string_view text, size_t max_digits) {
  if (text.empty() || text.size() > max_digits) return std::nullopt;
  size_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<size_t>(c - '0');
  }
  return value;
}

// `HTTP/1.1 200 OK` and its relatives; the reason phrase may be missing.
std::optional<int> ParseStatusLine(std::string_view line) {
  if (line.size() < 12 || line.substr(0, 7) != "HTTP/1." || (line[7] != '0' && line[7] != '1') ||
      line[8] != ' ' || (line.size() > 12 && line[12] != ' ')) {
    return std::nullopt;
  }
  const std::optional<size_t> code = ParseNumber(line.substr(9, 3), 3);
  if (!code || *code < 100) return std::nullopt;
  return static_cast<int>(*code);
}

struct Head {
  Answer answer;
  std::optional<size_t> length;
};

Result<Head> ParseHead(std::string_view block, std::string_view peer) {
  Head head;
  bool first = true;
  do {
    const size_t end = block.find("\r\n");
    const std::string_view line = block.substr(0, end);
    block.remove_prefix(end == std::string_view::npos ? block.size() : end + 2);
    if (first) {
      const std::optional<int> status = ParseStatusLine(line);
      if (!status) return Bad(peer, "does not begin with an HTTP/1.1 status line");
      head.answer.status = *status;
      first = false;
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return Bad(peer, "has a broken header line");
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = Trim(line.substr(colon + 1));
    if (EqualsIgnoringCase(name, "content-length")) {
      const std::optional<size_t> length = ParseNumber(value, 9);
      if (!length || (head.length && *head.length != *length))
        return Bad(peer, "has no usable content-length");
      head.length = length;
    } else if (EqualsIgnoringCase(name, "transfer-encoding")) {
      return Bad(peer, "comes with a transfer-encoding; only content-length is understood");
    } else if (EqualsIgnoringCase(name, "content-type")) {
      head.answer.content_type = value;
    }
  } while (!block.empty());
  return head;
}

// A message of keyd is one line per cause; an entry of the error queue is one line.
std::string OneLine(std::string_view message) {
  std::string out;
  for (const char c : message.substr(0, kMaxMessage)) {
    if (c == '\n') {
      out += ", ";
    } else {
      out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    }
  }
  return out;
}

bool IsJson(std::string_view content_type) {
  return EqualsIgnoringCase(Trim(content_type.substr(0, content_type.find(';'))), "application/json");
}

}  // namespace

Result<std::optional<Answer>> ParseAnswer(std::string_view received, std::string_view peer) {
  while (true) {
    const size_t end = received.substr(0, kMaxHeaderBlock).find("\r\n\r\n");
    if (end == std::string_view::npos) {
      if (received.size() >= kMaxHeaderBlock) return Bad(peer, "has a header block above 16 KiB");
      return std::optional<Answer>();
    }
    Result<Head> head = ParseHead(received.substr(0, end), peer);
    if (!head.ok()) return head.failure();
    received.remove_prefix(end + 4);
    if (head->answer.status < 200) continue;
    if (head->answer.status == 204) head->length = 0;
    if (!head->length) return Bad(peer, "has no content-length");
    if (*head->length > kMaxBody) return Bad(peer, "has a body above 256 KiB");
    if (received.size() < *head->length) return std::optional<Answer>();
    head->answer.body = received.substr(0, *head->length);
    return std::optional<Answer>(std::move(head->answer));
  }
}

Result<std::string> SuccessBody(const Answer& answer, std::string_view peer) {
  const bool json = IsJson(answer.content_type);
  if (answer.status != 200) {
    std::string text = std::string(peer) + " refused with status " + std::to_string(answer.status);
    if (json) {
      if (const Result<std::string> message = StringMember(answer.body, "message"); message.ok()) {
        text += ": " + OneLine(*message);
      }
    }
    return Failure{Reason::kRefused, std::move(text)};
  }
  if (!json) return Bad(peer, "is not of type application/json");
  return answer.body;
}

}  // namespace aziot::openssl_engine
