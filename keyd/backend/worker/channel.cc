#include "keyd/backend/worker/channel.h"

#include <openssl/crypto.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace aziot::keyd::worker {
namespace {

constexpr size_t kHeaderBytes = 4;
constexpr size_t kUsualBytes = 4096;
constexpr size_t kKeptBytes = size_t{64} << 10;

void PutLength(uint8_t* to, size_t length) {
  for (size_t i = 0; i < kHeaderBytes; ++i) to[i] = static_cast<uint8_t>(length >> (8 * i));
}

size_t GetLength(const uint8_t* from) {
  size_t length = 0;
  for (size_t i = 0; i < kHeaderBytes; ++i) length |= size_t{from[i]} << (8 * i);
  return length;
}

}  // namespace

Channel::~Channel() { OPENSSL_cleanse(buffer_.data(), buffer_.size()); }

void Channel::SetTimeout(std::chrono::milliseconds timeout) {
  if (timeout == timeout_) return;
  timeout_ = timeout;
  timeval limit{};
  limit.tv_sec = timeout.count() / 1000;
  limit.tv_usec = timeout.count() % 1000 * 1000;
  setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

Transfer Channel::Send(const google::protobuf::MessageLite& message) {
  const size_t size = message.ByteSizeLong();
  if (size > kMostBytes) return Transfer::kGarbage;
  Reserve(kHeaderBytes + size, 0);
  PutLength(buffer_.data(), size);
  message.SerializeWithCachedSizesToArray(buffer_.data() + kHeaderBytes);
  return Write(kHeaderBytes + size);
}

Transfer Channel::SendBytes(BytesView message) {
  if (message.size() > kMostBytes) return Transfer::kGarbage;
  Reserve(kHeaderBytes + message.size(), 0);
  PutLength(buffer_.data(), message.size());
  std::copy(message.begin(), message.end(), buffer_.begin() + kHeaderBytes);
  return Write(kHeaderBytes + message.size());
}

Transfer Channel::Write(size_t size) {
  const Clock::time_point started = Clock::now();
  Transfer result = Transfer::kDone;
  for (size_t sent = 0; sent < size && result == Transfer::kDone;) {
    const ssize_t count = send(socket_.get(), buffer_.data() + sent, size - sent, MSG_NOSIGNAL);
    if (count >= 0) {
      sent += static_cast<size_t>(count);
    } else if (errno == EAGAIN || Late(started)) {
      result = Transfer::kTimeout;
    } else if (errno != EINTR) {
      result = Transfer::kNotDelivered;
    }
  }
  Wipe(size);
  return result;
}

Transfer Channel::Receive(google::protobuf::MessageLite& message) {
  Reserve(kUsualBytes, 0);
  const Clock::time_point started = Clock::now();
  size_t size = 0;
  size_t wanted = kHeaderBytes;
  Transfer result = Transfer::kDone;
  while (size < wanted) {
    if (size > 0 && Late(started)) {
      result = Transfer::kTimeout;
      break;
    }
    result = ReadSome(size, std::max(wanted, kUsualBytes));
    if (result != Transfer::kDone) break;
    if (size >= kHeaderBytes) {
      const size_t length = GetLength(buffer_.data());
      if (length > kMostBytes) {
        result = Transfer::kGarbage;
        break;
      }
      wanted = kHeaderBytes + length;
      Reserve(wanted, size);
    }
  }
  if (result == Transfer::kDone &&
      (size != wanted ||
       !message.ParseFromArray(buffer_.data() + kHeaderBytes, static_cast<int>(wanted - kHeaderBytes)))) {
    result = Transfer::kGarbage;
  }
  Wipe(size);
  return result;
}

Transfer Channel::ReadSome(size_t& size, size_t most) {
  for (const Clock::time_point started = Clock::now();;) {
    const ssize_t count = recv(socket_.get(), buffer_.data() + size, most - size, 0);
    if (count > 0) {
      size += static_cast<size_t>(count);
      return Transfer::kDone;
    }
    if (count == 0) return Transfer::kClosed;
    if (errno == EAGAIN) return Transfer::kTimeout;
    // The kernel says so when the other end closes with something unread (unix(7)).
    if (errno == ECONNRESET && size == 0) return Transfer::kNotDelivered;
    if (errno != EINTR) return Transfer::kClosed;
    if (Late(started)) return Transfer::kTimeout;
  }
}

void Channel::Reserve(size_t size, size_t kept) {
  if (buffer_.size() >= size) return;
  Bytes larger(std::max(size, kUsualBytes));
  std::copy_n(buffer_.begin(), kept, larger.begin());
  OPENSSL_cleanse(buffer_.data(), buffer_.size());
  buffer_ = std::move(larger);
}

void Channel::Wipe(size_t size) {
  OPENSSL_cleanse(buffer_.data(), std::min(size, buffer_.size()));
  if (buffer_.size() > kKeptBytes) buffer_ = Bytes();
}

}  // namespace aziot::keyd::worker
