#include "tests/bench/raw_client.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace aziot::bench {
namespace {

constexpr absl::string_view kOk = "HTTP/1.1 200 ";
constexpr absl::string_view kLength = "content-length: ";

}  // namespace

net::UniqueFd Connect(const std::string& path) {
  net::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

bool RawClient::Ask(absl::string_view wire) {
  if (!fd_) fd_ = Connect(socket_);
  const bool answered =
      fd_ && send(fd_.get(), wire.data(), wire.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(wire.size()) &&
      Receive();
  if (!answered) fd_.reset();
  return answered;
}

bool RawClient::Receive() {
  answer_.clear();
  size_t expected = 0;
  while (expected == 0 || answer_.size() < expected) {
    char buffer[8192];
    const ssize_t count = recv(fd_.get(), buffer, sizeof buffer, 0);
    if (count <= 0) return false;
    answer_.append(buffer, static_cast<size_t>(count));
    if (expected != 0) continue;
    const size_t end = answer_.find("\r\n\r\n");
    if (end == std::string::npos) continue;
    body_from_ = end + 4;
    const size_t length = answer_.find(kLength.data(), 0, kLength.size());
    size_t body = 0;
    if (length < end) {
      const absl::string_view rest = absl::string_view(answer_).substr(length + kLength.size());
      if (!absl::SimpleAtoi(rest.substr(0, rest.find('\r')), &body)) return false;
    }
    expected = body_from_ + body;
  }
  return absl::StartsWith(answer_, kOk);
}

std::string Post(absl::string_view target, absl::string_view json) {
  return absl::StrCat("POST ", target,
                      " HTTP/1.1\r\nhost: keyd.sock\r\ncontent-type: application/json\r\ncontent-length: ",
                      json.size(), "\r\n\r\n", json);
}
std::string Get(absl::string_view target) {
  return absl::StrCat("GET ", target, " HTTP/1.1\r\nhost: keyd.sock\r\n\r\n");
}

Worker KeptAlive(const std::string& socket, const std::string& wire) {
  return [socket, wire](int) -> Operation {
    auto client = std::make_shared<RawClient>(socket);
    return [client, wire] { return client->Ask(wire); };
  };
}

Worker OneConnectionEach(const std::string& socket, const std::string& wire) {
  return [socket, wire](int) -> Operation {
    auto client = std::make_shared<RawClient>(socket);
    return [client, wire] {
      const bool answered = client->Ask(wire);
      client->Disconnect();
      return answered;
    };
  };
}

Worker Alternating(const std::string& socket, const std::string& first, const std::string& second) {
  return [socket, first, second](int) -> Operation {
    auto client = std::make_shared<RawClient>(socket);
    auto odd = std::make_shared<bool>(false);
    return [client, odd, first, second] {
      *odd = !*odd;
      return client->Ask(*odd ? first : second);
    };
  };
}

}  // namespace aziot::bench
