#include "common/server/test_server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/net/unix_socket.h"

namespace aziot::server {

TestServer::TestServer(Options options, TestKeys::GetKeyHandler get_key)
    : socket_(directory_.path() + "/keyd.sock"), keys_(dispatcher_), identities_(dispatcher_) {
  if (get_key != nullptr) keys_.get_key = std::move(get_key);
  options.name = "keyd";
  options.socket = socket_;
  auto server = Server::New(std::move(options), dispatcher_);
  if (!server.ok()) {
    ADD_FAILURE() << server.status();
    std::abort();
  }
  server_ = *std::move(server);
  thread_ = std::thread([this] { ended_ = server_->Run(); });
}

TestServer::~TestServer() { Stop(); }

void TestServer::Stop() {
  if (!thread_.joinable()) return;
  server_->Stop();
  thread_.join();
  EXPECT_TRUE(ended_.ok()) << ended_;
}

void TestServer::AllowEveryone() {
  chmod(directory_.path().c_str(), 0755);
  chmod(socket_.c_str(), 0666);
}

RawClient::RawClient(const std::string& socket) {
  auto fd = net::ConnectUnix(socket, absl::Seconds(10));
  if (fd.ok()) fd_ = *std::move(fd);
}

bool RawClient::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count > 0) {
      bytes.remove_prefix(static_cast<size_t>(count));
      continue;
    }
    if (errno != EAGAIN) return false;
    pollfd polled{.fd = fd_.get(), .events = POLLOUT};
    if (poll(&polled, 1, 30'000) <= 0) return false;
  }
  return true;
}

bool RawClient::ReadMore() {
  char buffer[4096];
  while (true) {
    const ssize_t count = recv(fd_.get(), buffer, sizeof buffer, 0);
    if (count > 0) {
      read_.append(buffer, static_cast<size_t>(count));
      return true;
    }
    if (count == 0 || (errno != EAGAIN && errno != EINTR)) return false;
    pollfd polled{.fd = fd_.get(), .events = POLLIN};
    if (poll(&polled, 1, 30'000) <= 0) {
      ADD_FAILURE() << "nothing came for 30 s; so far: " << read_;
      return false;
    }
  }
}

std::string RawClient::ReadAnswer(bool has_body) {
  size_t header_end;
  while ((header_end = read_.find("\r\n\r\n")) == std::string::npos) {
    if (!ReadMore()) return std::exchange(read_, "");
  }
  size_t whole = header_end + 4;
  if (const size_t field = read_.find("content-length: "); has_body && field < header_end) {
    size_t length = 0;
    const std::string digits = read_.substr(field + 16, read_.find("\r\n", field) - field - 16);
    if (absl::SimpleAtoi(digits, &length)) whole += length;
  }
  while (read_.size() < whole) {
    if (!ReadMore()) return std::exchange(read_, "");
  }
  std::string answer = read_.substr(0, whole);
  read_.erase(0, whole);
  return answer;
}

std::string RawClient::ReadOnce() {
  ReadMore();
  return std::exchange(read_, "");
}

bool RawClient::AtEnd() { return read_.empty() && !ReadMore(); }

bool RawClient::EndsWithin(absl::Duration limit) {
  const absl::Time until = absl::Now() + limit;
  while (true) {
    char buffer[4096];
    const ssize_t count = recv(fd_.get(), buffer, sizeof buffer, 0);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) return true;
    if (count > 0) continue;
    pollfd polled{.fd = fd_.get(), .events = POLLIN};
    const absl::Duration left = until - absl::Now();
    if (left <= absl::ZeroDuration()) return false;
    poll(&polled, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1);
  }
}

void RawClient::HalfClose() { shutdown(fd_.get(), SHUT_WR); }

bool AwaitConnections(RawClient& probe, int count) {
  const std::string wanted = absl::StrCat("\naziot_connections ", count, "\n");
  for (int i = 0; i < 20'000; ++i) {
    if (!probe.Send("GET /metrics HTTP/1.1\r\n\r\n")) return false;
    if (absl::StrContains(probe.ReadAnswer(), wanted)) return true;
    usleep(1000);
  }
  return false;
}

std::string GetKeyRequestText(absl::string_view id, absl::string_view fields) {
  return absl::StrCat("GET /key/", id, "?api-version=2020-09-01 HTTP/1.1\r\n", fields, "\r\n");
}

std::string CreateKeyHead(size_t body, absl::string_view fields) {
  return absl::StrCat(
      "POST /key?api-version=2020-09-01 HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: ", body,
      "\r\n", fields, "\r\n");
}

}  // namespace aziot::server
