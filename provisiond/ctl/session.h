// One run of provisionctl: where the daemon is, how to print, what to exit with.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/client/client.h"

namespace aziot::provisiond::ctl {

// 0 done; 1 refused by the daemon, or not what the command is to find; 2 usage; 3 the daemon could not be
// reached.
enum ExitStatus { kDone = 0, kRefused = 1, kUsage = 2, kUnreachable = 3 };

class Session {
 public:
  std::string root;
  std::string socket;  // "" for the built-in one under the root
  bool json = false;
  absl::Duration patience = absl::Seconds(30);

  template <class Out>
  absl::StatusOr<Out> Call(absl::string_view method, const google::protobuf::Message& request) {
    if (client_ == nullptr) {
      client::Options options;
      options.socket = socket.empty() ? absl::StrCat(root, "/run/provisiond/admin.sock") : socket;
      options.api_version = "2026-12-01";
      options.retries = 0;
      options.timeout = patience;
      client_ = std::make_unique<client::Client>(std::move(options));
    }
    return client_->Call<Out>(absl::StrCat("aziot.provisioning.v1.Admin.", method), request);
  }

  // The outcome of the command that ran.
  absl::Status status;

 private:
  std::unique_ptr<client::Client> client_;
};

void AddEnrollmentCommands(CLI::App& app, Session& session);
void AddDeviceCommands(CLI::App& app, Session& session);
void AddServiceCommands(CLI::App& app, Session& session);
void AddStoreCommands(CLI::App& app, Session& session);

}  // namespace aziot::provisiond::ctl
