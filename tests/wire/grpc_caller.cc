// Calls over gRPC on behalf of wire_test, as the user it is started for: a program of its own, so that the
// packaged gRPC does not meet the libraries that are linked into the test.
//
//   wire_grpc_caller SOCKET UID
//
// Reads `unary PATH LENGTH` or `first PATH LENGTH` (the first reply of a stream) and that many bytes of
// request; answers `CODE LENGTH LENGTH` and the bytes of message and reply.
#include <grp.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

namespace {

constexpr auto kPatience = std::chrono::seconds(60);

struct Answer {
  grpc::Status status;
  std::string reply;
};

std::string Bytes(grpc::ByteBuffer& buffer) {
  std::string bytes;
  std::vector<grpc::Slice> slices;
  if (!buffer.Valid() || !buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

// Whether the operation that was begun has succeeded.
bool Await(grpc::CompletionQueue& queue) {
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return ok;
}

Answer Call(const std::shared_ptr<grpc::Channel>& channel, const std::string& path, const std::string& bytes,
            bool stream) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  grpc::CompletionQueue queue;
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer reply;
  Answer answer;
  if (!stream) {
    const auto call = stub.PrepareUnaryCall(&context, path, request, &queue);
    call->StartCall();
    call->Finish(&reply, &answer.status, nullptr);
    Await(queue);
    answer.reply = Bytes(reply);
    return answer;
  }
  const auto call = stub.PrepareCall(&context, path, &queue);
  call->StartCall(nullptr);
  Await(queue);
  call->WriteLast(request, grpc::WriteOptions(), nullptr);
  Await(queue);
  call->Read(&reply, nullptr);
  const bool came = Await(queue);
  if (came) {
    answer.reply = Bytes(reply);
    context.TryCancel();
  }
  call->Finish(&answer.status, nullptr);
  Await(queue);
  // Ended by this side once it had what it wanted.
  if (came) answer.status = grpc::Status::OK;
  return answer;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto uid = static_cast<uid_t>(std::atoi(argv[2]));
  // The groups that may open the sockets stay.
  if (setgid(uid) != 0 || setuid(uid) != 0) return 1;
  const auto channel =
      grpc::CreateChannel(std::string("unix:") + argv[1], grpc::InsecureChannelCredentials());
  std::string kind;
  std::string path;
  size_t length = 0;
  while (std::cin >> kind >> path >> length) {
    std::string request(length, '\0');
    std::cin.ignore();
    std::cin.read(request.data(), static_cast<std::streamsize>(length));
    const Answer answer = Call(channel, path, request, kind == "first");
    const std::string message = answer.status.error_message();
    std::cout << answer.status.error_code() << ' ' << message.size() << ' ' << answer.reply.size() << '\n'
              << message << answer.reply << std::flush;
  }
  return 0;
}
