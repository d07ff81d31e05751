// For tests: a real HTTP server on a Unix socket in a directory of its own, a thread for each connection,
// whose answers are raw bytes chosen by the test.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/http/request_parser.h"
#include "common/net/unix_socket.h"

namespace aziot::http {

class FakeServer {
 public:
  // What `answer` returns is written as it stands; the connection closes after "" and after `connection:
  // close`.
  using Answer = std::function<std::string(const Request&)>;

  explicit FakeServer(Answer answer) : answer_(std::move(answer)) {
    char name[] = "/tmp/aziot-http-XXXXXX";
    directory_ = mkdtemp(name);
    Start();
  }
  ~FakeServer() {
    Stop();
    std::filesystem::remove_all(directory_);
  }

  std::string path() const { return directory_ + "/fake.sock"; }
  int connections() const { return connections_; }

  void Start() {
    listener_ = *net::ListenUnix(path());
    acceptor_ = std::thread([this] { Accept(); });
  }
  // Closes everything; the socket's file stays, as after a crash.
  void Stop() {
    if (!acceptor_.joinable()) return;
    shutdown(listener_.get(), SHUT_RDWR);
    acceptor_.join();
    CloseConnections();
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
    listener_.reset();
  }
  // As a daemon does with connections that were idle for long; returns when each client can see it.
  void CloseConnections() {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const int fd : open_) shutdown(fd, SHUT_RDWR);
  }

 private:
  void Accept() {
    for (;;) {
      const int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      ++connections_;
      const std::lock_guard<std::mutex> lock(mutex_);
      open_.push_back(fd);
      workers_.emplace_back([this, fd] { Serve(net::UniqueFd(fd)); });
    }
  }

  void Serve(net::UniqueFd fd) {
    RequestParser parser({});
    char buffer[4096];
    for (;;) {
      const ssize_t got = read(fd.get(), buffer, sizeof(buffer));
      if (got <= 0) break;
      absl::string_view rest(buffer, static_cast<size_t>(got));
      bool keep = true;
      while (keep && !rest.empty()) {
        const auto progress = parser.Feed(ToBytesView(rest));
        rest.remove_prefix(progress.consumed);
        keep = progress.state != RequestParser::State::kError;
        if (progress.state != RequestParser::State::kDone) break;
        const std::string text = answer_(parser.Take());
        keep = !text.empty() && text.find("connection: close") == std::string::npos;
        (void)!send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
      }
      if (!keep) break;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    std::erase(open_, fd.get());
    fd.reset();
  }

  const Answer answer_;
  std::string directory_;
  net::UniqueFd listener_;
  std::thread acceptor_;
  std::atomic<int> connections_{0};
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::thread> workers_;
};

}  // namespace aziot::http
