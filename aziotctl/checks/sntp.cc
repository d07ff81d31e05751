#include "aziotctl/checks/sntp.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/net/unique_fd.h"
#include "common/openssl/digest.h"
#include "common/status/errno_status.h"
#include "common/status/status_macros.h"

namespace aziot::ctl {
namespace {

constexpr size_t kPacketSize = 48;
constexpr uint8_t kRequest = 0x23;  // no warning, version 4, client
constexpr size_t kOriginate = 24;
constexpr size_t kReceive = 32;
constexpr size_t kTransmit = 40;
constexpr int64_t kUnixEpoch = 2208988800;  // in seconds since 1900
constexpr double kFractions = 4294967296.0;
using Packet = std::array<uint8_t, kPacketSize>;

struct FreeAddresses {
  void operator()(addrinfo* p) const noexcept { freeaddrinfo(p); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

uint64_t Timestamp(const Packet& packet, size_t at) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i) value = value << 8 | packet[at + i];
  return value;
}

uint64_t ToTimestamp(absl::Time time) {
  const timespec parts = absl::ToTimespec(time);
  return static_cast<uint64_t>(parts.tv_sec + kUnixEpoch) << 32 |
         static_cast<uint64_t>(static_cast<double>(parts.tv_nsec) / 1e9 * kFractions);
}

// The difference of 64-bit timestamps is right across the end of an era (2036).
absl::Duration Difference(uint64_t a, uint64_t b) {
  return absl::Seconds(static_cast<double>(static_cast<int64_t>(a - b)) / kFractions);
}

absl::StatusOr<Addresses> Resolve(absl::string_view server) {
  const size_t colon = server.rfind(':');
  const bool has_port = colon != absl::string_view::npos &&
                        (server.find(':') == colon || (colon > 0 && server[colon - 1] == ']'));
  std::string host(has_port ? server.substr(0, colon) : server);
  const std::string port(has_port ? server.substr(colon + 1) : "123");
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host.empty() || port.empty() || port.find_first_not_of("0123456789") != std::string::npos)
    return absl::InvalidArgumentError(absl::StrCat("\"", server, "\" is no HOST:PORT"));
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (error != 0)
    return absl::NotFoundError(absl::StrCat("could not resolve ", host, ": ", gai_strerror(error)));
  return Addresses(found);
}

// A socket connected to the first address there is a way to: answers of others are not delivered.
absl::StatusOr<net::UniqueFd> Connect(const addrinfo* address) {
  int error = EADDRNOTAVAIL;
  for (; address != nullptr; address = address->ai_next) {
    net::UniqueFd fd(socket(address->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (fd.get() >= 0 && connect(fd.get(), address->ai_addr, address->ai_addrlen) == 0) return fd;
    error = errno;
  }
  return ErrnoStatus(error, "connect");
}

absl::StatusOr<Packet> Receive(int fd, absl::Time deadline) {
  pollfd ready{fd, POLLIN, 0};
  const int64_t left = std::max<int64_t>(absl::ToInt64Milliseconds(deadline - absl::Now()), 0);
  const int count = poll(&ready, 1, static_cast<int>(left));
  if (count < 0) return ErrnoStatus(errno, "poll");
  if (count == 0) return absl::DeadlineExceededError("no answer from the time server");
  Packet packet{};
  const ssize_t size = recv(fd, packet.data(), packet.size(), 0);
  if (size < 0) return ErrnoStatus(errno, "receive");
  if (static_cast<size_t>(size) < kPacketSize)
    return absl::DataLossError("the time server's answer is too short");
  return packet;
}

// RFC 4330, section 5. Stratum 0 is a "kiss of death".
absl::Status CheckAnswer(const Packet& packet) {
  const int leap = packet[0] >> 6;
  const int version = packet[0] >> 3 & 7;
  const int mode = packet[0] & 7;
  const int stratum = packet[1];
  if (mode != 4 || version == 0) return absl::DataLossError("the answer is none of a time server");
  if (leap == 3 || stratum == 0 || stratum > 15)
    return absl::DataLossError("the time server says that it does not know the time, or refuses");
  if (Timestamp(packet, kTransmit) == 0) return absl::DataLossError("the answer holds no time");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<absl::Duration> ClockOffset(absl::string_view server, absl::Duration timeout) {
  ASSIGN_OR_RETURN(const Addresses addresses, Resolve(server));
  ASSIGN_OR_RETURN(const net::UniqueFd fd, Connect(addresses.get()));
  Packet request{};
  request[0] = kRequest;
  // Random instead of the time: nobody who does not see the request can make its answer.
  const Bytes nonce = openssl::RandomBytes(8);
  std::copy(nonce.begin(), nonce.end(), request.begin() + kTransmit);
  const uint64_t sent = ToTimestamp(absl::Now());
  const absl::Time deadline = absl::Now() + timeout;
  if (send(fd.get(), request.data(), request.size(), 0) < 0) return ErrnoStatus(errno, "send");
  while (true) {
    ASSIGN_OR_RETURN(const Packet answer, Receive(fd.get(), deadline));
    const uint64_t received = ToTimestamp(absl::Now());
    if (Timestamp(answer, kOriginate) != Timestamp(request, kTransmit)) continue;  // of another request
    RETURN_IF_ERROR(CheckAnswer(answer));
    return (Difference(Timestamp(answer, kReceive), sent) +
            Difference(Timestamp(answer, kTransmit), received)) /
           2;
  }
}

}  // namespace aziot::ctl
