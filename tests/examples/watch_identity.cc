// Watches the identity of the user it runs as: prints it now and after every change.
//
//   watch_identity /run/aziot/identityd.sock [COUNT]     ends after COUNT values
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "aziot/identity/v1/identity.grpc.pb.h"

namespace v1 = aziot::identity::v1;

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: watch_identity SOCKET [COUNT]\n");
    return 2;
  }
  const int count = argc > 2 ? std::atoi(argv[2]) : 0;
  const auto channel =
      grpc::CreateChannel(std::string("unix:") + argv[1], grpc::InsecureChannelCredentials());
  const auto identities = v1::Identities::NewStub(channel);

  grpc::ClientContext context;
  const auto changes = identities->WatchIdentity(&context, v1::WatchIdentityRequest());
  v1::WatchIdentityReply reply;
  int seen = 0;
  while (changes->Read(&reply)) {
    if (reply.has_identity()) {
      const v1::IdentitySpec& spec = reply.identity().spec();
      std::printf("%s/%s/%s generation %s\n", spec.hub_name().c_str(), spec.device_id().c_str(),
                  spec.module_id().c_str(), spec.gen_id().c_str());
    } else {
      std::printf("no identity\n");
    }
    std::fflush(stdout);
    if (++seen == count) context.TryCancel();
  }
  const grpc::Status end = changes->Finish();
  if (count > 0 && seen >= count) return 0;
  std::fprintf(stderr, "the watch ended: %s\n", end.error_message().c_str());
  return 1;
}
