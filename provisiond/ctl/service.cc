#include "absl/strings/str_join.h"
#include "aziot/provisioning/v1/admin.pb.h"
#include "common/status/status_macros.h"
#include "provisiond/ctl/output.h"
#include "provisiond/ctl/session.h"

namespace aziot::provisiond::ctl {
namespace {

namespace v1 = provisioning::v1;

absl::Status ShowStatus(Session& session) {
  ASSIGN_OR_RETURN(const v1::Status reply, session.Call<v1::Status>("GetStatus", v1::GetStatusRequest()));
  if (session.json) {
    PrintJson(reply);
    return absl::OkStatus();
  }
  PrintFields({{"version", reply.version()},
               {"addresses", absl::StrJoin(reply.addresses(), ", ")},
               {"scopes", absl::StrJoin(reply.scopes(), ", ")},
               {"hubs", absl::StrJoin(reply.hubs(), ", ")},
               {"enrollments", std::to_string(reply.enrollments())},
               {"enrollment groups", std::to_string(reply.enrollment_groups())},
               {"devices", std::to_string(reply.devices())},
               {"disabled devices", std::to_string(reply.disabled_devices())}});
  return absl::OkStatus();
}

absl::Status ListScopes(Session& session) {
  ASSIGN_OR_RETURN(const v1::Status reply, session.Call<v1::Status>("GetStatus", v1::GetStatusRequest()));
  if (session.json) {
    std::printf("[\"%s\"]\n", absl::StrJoin(reply.scopes(), "\",\"").c_str());
  } else {
    std::printf("%s\n", absl::StrJoin(reply.scopes(), "\n").c_str());
  }
  return absl::OkStatus();
}

absl::Status ListPolicies(Session& session) {
  ASSIGN_OR_RETURN(const v1::Policies reply,
                   session.Call<v1::Policies>("ListPolicies", v1::ListPoliciesRequest()));
  if (session.json) {
    PrintJson(reply);
    return absl::OkStatus();
  }
  Lines lines = {{"FAMILY", "NAME", "PERMISSIONS"}};
  for (const v1::Policy& policy : reply.policies()) {
    lines.push_back({policy.family(), policy.name(), absl::StrJoin(policy.permissions(), " ")});
  }
  PrintTable(lines);
  return absl::OkStatus();
}

absl::Status ShowConnectionString(Session& session, const v1::PolicyName& request) {
  ASSIGN_OR_RETURN(const v1::ConnectionString reply,
                   session.Call<v1::ConnectionString>("ShowConnectionString", request));
  if (session.json) {
    PrintJson(reply);
  } else {
    std::printf("%s\n", reply.connection_string().c_str());
  }
  return absl::OkStatus();
}

}  // namespace

void AddServiceCommands(CLI::App& app, Session& session) {
  app.add_subcommand("status", "Shows where provisiond listens and what it holds")->callback([&session] {
    session.status = ShowStatus(session);
  });
  CLI::App* scope = app.add_subcommand("scope", "id scopes")->require_subcommand(1);
  scope->add_subcommand("list", "Lists the id scopes, the default one first")->callback([&session] {
    session.status = ListScopes(session);
  });

  struct Options {
    std::string name, hub;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* policy = app.add_subcommand("policy", "shared access policies")->require_subcommand(1);
  policy->add_subcommand("list", "Lists the policies and their permissions")->callback([&session] {
    session.status = ListPolicies(session);
  });
  CLI::App* connect = policy->add_subcommand("connection-string", "Prints a policy's connection string");
  connect->add_option("name", options->name, "Name of the policy")->required();
  connect->add_option("--hub", options->hub, "Name of the hub (default: the first one)");
  connect->callback([options, &session] {
    v1::PolicyName request;
    request.set_name(options->name);
    if (!options->hub.empty()) request.set_hub(options->hub);
    session.status = ShowConnectionString(session, request);
  });
}

}  // namespace aziot::provisiond::ctl
