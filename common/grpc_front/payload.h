// gRPC's buffers as the strings an Endpoint takes, and back.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <cstring>
#include <string>
#include <vector>

namespace aziot::grpc_front {

// False for a buffer that cannot be read (a broken compressed one). What was read is wiped where it lay: gRPC
// keeps the block it received a message in until the next one comes, and the message may hold a key.
inline bool ToString(const grpc::ByteBuffer& buffer, std::string& bytes) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return false;
  bytes.clear();
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    explicit_bzero(const_cast<uint8_t*>(slice.begin()), slice.size());
  }
  return true;
}

inline grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace aziot::grpc_front
