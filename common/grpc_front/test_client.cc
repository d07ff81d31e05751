// A gRPC client as an agent would write one, for the tests of the server: a program of its own, so that its
// gRPC and protobuf do not meet those of the daemon under test.
//
//   grpc_front_test_client SOCKET [--uid UID] get ID | brief ID | zip LENGTH | unknown | watch [COUNT] |
//                          many COUNT | watches COUNT
//
// Prints one line per reply, or `error CODE MESSAGE`.
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <future>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "aziot/identity/v1/identity.grpc.pb.h"
#include "aziot/keys/v1/keys.grpc.pb.h"

namespace {

void Print(const grpc::Status& status) {
  std::cout << "error " << status.error_code() << " " << status.error_message() << std::endl;
}

void Get(const std::shared_ptr<grpc::Channel>& channel, const std::string& id,
         std::chrono::milliseconds patience, grpc_compression_algorithm compression = GRPC_COMPRESS_NONE) {
  aziot::keys::v1::GetKeyRequest request;
  request.set_id(id);
  aziot::keys::v1::KeyHandle reply;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + patience);
  context.set_compression_algorithm(compression);
  const grpc::Status status = aziot::keys::v1::Keys::NewStub(channel)->GetKey(&context, request, &reply);
  if (status.ok()) {
    std::cout << reply.key_handle() << std::endl;
  } else {
    Print(status);
  }
}

void Watch(const std::shared_ptr<grpc::Channel>& channel, int count) {
  grpc::ClientContext context;
  const auto stub = aziot::identity::v1::Identities::NewStub(channel);
  const auto reader = stub->WatchIdentity(&context, aziot::identity::v1::WatchIdentityRequest());
  aziot::identity::v1::WatchIdentityReply reply;
  for (int i = 0; i < count && reader->Read(&reply); ++i) {
    std::cout << reply.identity().spec().device_id() << std::endl;
  }
  // Without a count it stays until the server ends the stream.
  if (count < 1000) context.TryCancel();
  Print(reader->Finish());
}

// COUNT calls on one connection, 8 at a time; prints how many succeeded.
void Many(const std::shared_ptr<grpc::Channel>& channel, int count) {
  std::atomic<int> left{count}, succeeded{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto stub = aziot::keys::v1::Keys::NewStub(channel);
      while (left.fetch_sub(1) > 0) {
        aziot::keys::v1::GetKeyRequest request;
        request.set_id("a");
        aziot::keys::v1::KeyHandle reply;
        grpc::ClientContext context;
        if (stub->GetKey(&context, request, &reply).ok()) ++succeeded;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::cout << succeeded << std::endl;
}

// COUNT watches on one connection, each cancelled after its first value; prints how many had one.
void Watches(const std::shared_ptr<grpc::Channel>& channel, int count) {
  const auto stub = aziot::identity::v1::Identities::NewStub(channel);
  int succeeded = 0;
  for (int i = 0; i < count; ++i) {
    grpc::ClientContext context;
    const auto reader = stub->WatchIdentity(&context, aziot::identity::v1::WatchIdentityRequest());
    aziot::identity::v1::WatchIdentityReply reply;
    if (reader->Read(&reply)) ++succeeded;
    context.TryCancel();
    reader->Finish();
  }
  std::cout << succeeded << std::endl;
}

void Unknown(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  const grpc::Slice nothing;
  const grpc::ByteBuffer request(&nothing, 1);
  grpc::ByteBuffer reply;
  std::promise<grpc::Status> ended;
  stub.UnaryCall(&context, "/aziot.keys.v1.Keys/NoSuch", grpc::StubOptions(), &request, &reply,
                 [&ended](grpc::Status status) { ended.set_value(std::move(status)); });
  Print(ended.get_future().get());
}

}  // namespace

int main(int argc, char** argv) {
  int next = 1;
  const std::string socket = argv[next++];
  if (next + 1 < argc && std::string(argv[next]) == "--uid") {
    const auto uid = static_cast<uid_t>(std::atoi(argv[next + 1]));
    if (setgid(uid) != 0 || setuid(uid) != 0) return 1;
    next += 2;
  }
  if (next >= argc) return 2;
  const std::string action = argv[next++];
  const std::string operand = next < argc ? argv[next] : "";
  const auto channel = grpc::CreateChannel("unix:" + socket, grpc::InsecureChannelCredentials());
  if (action == "get") {
    Get(channel, operand, std::chrono::seconds(30));
  } else if (action == "brief") {
    Get(channel, operand, std::chrono::milliseconds(300));
  } else if (action == "zip") {
    Get(channel, std::string(static_cast<size_t>(std::atoi(operand.c_str())), 'a'), std::chrono::seconds(30),
        GRPC_COMPRESS_GZIP);
  } else if (action == "unknown") {
    Unknown(channel);
  } else if (action == "many") {
    Many(channel, std::atoi(operand.c_str()));
  } else if (action == "watches") {
    Watches(channel, std::atoi(operand.c_str()));
  } else if (action == "watch") {
    Watch(channel, operand.empty() ? 1000 : std::atoi(operand.c_str()));
  } else {
    return 2;
  }
  return 0;
}
