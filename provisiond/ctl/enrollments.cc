#include <functional>

#include "absl/strings/str_join.h"
#include "aziot/provisioning/v1/admin.pb.h"
#include "common/status/status_macros.h"
#include "provisiond/ctl/output.h"
#include "provisiond/ctl/session.h"

namespace aziot::provisiond::ctl {
namespace {

namespace v1 = provisioning::v1;

struct Options {
  std::string name, device_id, primary_key, secondary_key, allocation, registration_id;
  std::vector<std::string> hubs;
  bool disabled = false;
  bool show_keys = false;
};

// The individual and the group commands differ in the rpcs they call.
struct Words {
  const char* command;
  const char* about;
  const char* create;
  const char* list;
  const char* get;
  const char* remove;
  const char* keys;
};
constexpr Words kIndividual = {"enrollment",        "enrolments of single devices",
                               "CreateEnrollment",  "ListEnrollments",
                               "GetEnrollment",     "DeleteEnrollment",
                               "ShowEnrollmentKeys"};
constexpr Words kGroup = {
    "enrollment-group",   "enrolments of groups of devices", "CreateEnrollmentGroup",  "ListEnrollmentGroups",
    "GetEnrollmentGroup", "DeleteEnrollmentGroup",           "ShowEnrollmentGroupKeys"};

void Print(const v1::Enrollment& entry) {
  PrintFields({{"name", entry.name()},
               {"device id", entry.device_id()},
               {"attestation", entry.attestation()},
               {"status", entry.status()},
               {"allocation", entry.allocation_policy()},
               {"hubs", absl::StrJoin(entry.hubs(), ", ")},
               {"etag", entry.etag()},
               {"created", entry.created()},
               {"primary key", entry.keys().primary_key()},
               {"secondary key", entry.keys().secondary_key()}});
}

absl::Status Create(Session& session, const Words& words, const Options& options) {
  v1::NewEnrollment request;
  request.set_name(options.name);
  if (!options.device_id.empty()) request.set_device_id(options.device_id);
  if (!options.primary_key.empty()) request.set_primary_key(options.primary_key);
  if (!options.secondary_key.empty()) request.set_secondary_key(options.secondary_key);
  if (!options.allocation.empty()) request.set_allocation_policy(options.allocation);
  for (const std::string& hub : options.hubs) request.add_hubs(hub);
  if (options.disabled) request.set_disabled(true);
  ASSIGN_OR_RETURN(const v1::Enrollment entry, session.Call<v1::Enrollment>(words.create, request));
  session.json ? PrintJson(entry) : Print(entry);
  return absl::OkStatus();
}

absl::Status Show(Session& session, const Words& words, const Options& options) {
  v1::EnrollmentName request;
  request.set_name(options.name);
  ASSIGN_OR_RETURN(v1::Enrollment entry, session.Call<v1::Enrollment>(words.get, request));
  if (options.show_keys) {
    ASSIGN_OR_RETURN(*entry.mutable_keys(), session.Call<v1::Keys>(words.keys, request));
  }
  session.json ? PrintJson(entry) : Print(entry);
  return absl::OkStatus();
}

absl::Status List(Session& session, const Words& words) {
  ASSIGN_OR_RETURN(const v1::Enrollments reply,
                   session.Call<v1::Enrollments>(words.list, v1::ListEnrollmentsRequest()));
  if (session.json) {
    PrintJson(reply);
    return absl::OkStatus();
  }
  Lines lines = {{"NAME", "STATUS", "ATTESTATION", "ALLOCATION", "CREATED"}};
  for (const v1::Enrollment& entry : reply.enrollments()) {
    lines.push_back(
        {entry.name(), entry.status(), entry.attestation(), entry.allocation_policy(), entry.created()});
  }
  PrintTable(lines);
  return absl::OkStatus();
}

absl::Status Delete(Session& session, const Words& words, const Options& options) {
  v1::EnrollmentName request;
  request.set_name(options.name);
  return session.Call<v1::Done>(words.remove, request).status();
}

absl::Status DeriveKey(Session& session, const Options& options) {
  v1::DeriveKeyRequest request;
  request.set_name(options.name);
  request.set_registration_id(options.registration_id);
  ASSIGN_OR_RETURN(const v1::Keys keys, session.Call<v1::Keys>("DeriveKey", request));
  if (session.json) {
    PrintJson(keys);
  } else {
    std::printf("%s\n", keys.primary_key().c_str());
  }
  return absl::OkStatus();
}

void AddCommands(CLI::App& app, Session& session, const Words& words, bool group) {
  const auto options = std::make_shared<Options>();
  CLI::App* root = app.add_subcommand(words.command, words.about)->require_subcommand(1);
  const char* name_help = group ? "Group id" : "Registration id";

  CLI::App* create = root->add_subcommand("create", "Creates an entry and prints its keys");
  create->add_option("name", options->name, name_help)->required();
  if (!group) create->add_option("--device-id", options->device_id, "Id of the device in the hub");
  create->add_option("--primary-key", options->primary_key, "Base64 of 16 to 64 bytes (default: generated)");
  create->add_option("--secondary-key", options->secondary_key,
                     "Base64 of 16 to 64 bytes (default: generated)");
  create->add_option("--allocation", options->allocation, "static or hashed (default)");
  create->add_option("--hub", options->hubs, "A hub devices may be allocated to (repeatable; default: all)");
  create->add_flag("--disabled", options->disabled, "Create it disabled");
  create->callback([=, &session] { session.status = Create(session, words, *options); });

  CLI::App* show = root->add_subcommand("show", "Shows an entry");
  show->add_option("name", options->name, name_help)->required();
  show->add_flag("--show-keys", options->show_keys, "Print its keys too");
  show->callback([=, &session] { session.status = Show(session, words, *options); });

  root->add_subcommand("list", "Lists all entries")->callback([=, &session] {
    session.status = List(session, words);
  });

  CLI::App* remove = root->add_subcommand("delete", "Deletes an entry; registered devices stay");
  remove->add_option("name", options->name, name_help)->required();
  remove->callback([=, &session] { session.status = Delete(session, words, *options); });

  if (!group) return;
  CLI::App* derive =
      root->add_subcommand("derive-key", "Prints the key a device of the group registers with");
  derive->add_option("name", options->name, name_help)->required();
  derive->add_option("registration_id", options->registration_id, "Registration id of the device")
      ->required();
  derive->callback([=, &session] { session.status = DeriveKey(session, *options); });
}

}  // namespace

void AddEnrollmentCommands(CLI::App& app, Session& session) {
  AddCommands(app, session, kIndividual, false);
  AddCommands(app, session, kGroup, true);
}

}  // namespace aziot::provisiond::ctl
