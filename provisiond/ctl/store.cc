#include "aziot/provisioning/v1/admin.pb.h"
#include "common/status/status_macros.h"
#include "provisiond/ctl/output.h"
#include "provisiond/ctl/session.h"

namespace aziot::provisiond::ctl {
namespace {

namespace v1 = provisioning::v1;

absl::Status Verify(Session& session) {
  ASSIGN_OR_RETURN(const v1::StoreFindings reply,
                   session.Call<v1::StoreFindings>("VerifyStore", v1::VerifyStoreRequest()));
  if (session.json) {
    PrintJson(reply);
  } else {
    PrintFields({{"engine", reply.engine()},
                 {"version", std::to_string(reply.version())},
                 {"result", reply.damage().empty() ? "sound" : "damaged"}});
    for (const std::string& damage : reply.damage()) PrintFields({{"damage", damage}});
  }
  return reply.damage().empty() ? absl::OkStatus() : absl::DataLossError("the store is damaged");
}

absl::Status BackUp(Session& session, const std::string& file) {
  v1::BackUpStoreRequest request;
  request.set_path(file);
  ASSIGN_OR_RETURN(const v1::StoreBackup reply, session.Call<v1::StoreBackup>("BackUpStore", request));
  if (session.json) {
    PrintJson(reply);
    return absl::OkStatus();
  }
  PrintFields({{"file", reply.path()},
               {"size", std::to_string(reply.size())},
               {"not in it", absl::StrCat("the data key ", reply.data_key_file(),
                                          ", without which its keys cannot be opened")}});
  return absl::OkStatus();
}

absl::Status Migrate(Session& session) {
  ASSIGN_OR_RETURN(const v1::Store reply, session.Call<v1::Store>("GetStore", v1::GetStoreRequest()));
  if (session.json) {
    PrintJson(reply);
  } else {
    std::printf("at version %u, nothing to do\n", reply.version());
  }
  return absl::OkStatus();
}

}  // namespace

void AddStoreCommands(CLI::App& app, Session& session) {
  const auto argument = std::make_shared<std::string>();
  CLI::App* db = app.add_subcommand("db", "the store")->require_subcommand(1);
  db->add_subcommand("verify", "Checks the whole store and its migrations; exits 1 on damage")
      ->callback([&session] {
        session.patience = absl::Minutes(10);
        session.status = Verify(session);
      });
  CLI::App* backup =
      db->add_subcommand("backup", "Copies the store while it is in use; without the data key");
  backup->add_option("file", *argument, "A new file: an absolute path provisiond may write")->required();
  backup->callback([argument, &session] {
    session.patience = absl::Minutes(10);
    session.status = BackUp(session, *argument);
  });
  db->add_subcommand("migrate", "Shows the version; provisiond itself migrates at every start")
      ->callback([&session] { session.status = Migrate(session); });
  CLI::App* copy =
      db->add_subcommand("copy", "Copies the store to another engine (there is none but SQLite yet)");
  copy->add_option("--to", *argument, "The other engine's address")->required();
  copy->callback([&session] {
    session.status = absl::UnimplementedError("there is no engine but SQLite yet, so none to copy to");
  });
}

}  // namespace aziot::provisiond::ctl
