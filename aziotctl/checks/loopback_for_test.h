// For tests: servers on chosen loopback addresses, where the checks look for the real ones.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "common/net/unique_fd.h"
#include "common/testing/test_ca.h"

namespace aziot::ctl {

// A TLS server that shakes hands and closes. With port 0 the kernel chooses one.
class TlsListener {
 public:
  TlsListener(const std::string& address, uint16_t port, const testing::Issued& identity);
  ~TlsListener();
  uint16_t port() const { return port_; }

 private:
  void Serve(const testing::Issued& identity);

  net::UniqueFd listener_;
  uint16_t port_ = 0;
  std::thread thread_;
};

// A UDP server on 127.0.0.1: what `answer` makes of each packet goes back; "" is no answer.
class UdpServer {
 public:
  explicit UdpServer(std::function<std::string(const std::string&)> answer);
  ~UdpServer();
  std::string Address() const;  // 127.0.0.1:<port>

 private:
  net::UniqueFd socket_;
  uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace aziot::ctl
