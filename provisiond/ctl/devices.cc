#include "aziot/provisioning/v1/admin.pb.h"
#include "common/status/status_macros.h"
#include "provisiond/ctl/output.h"
#include "provisiond/ctl/session.h"

namespace aziot::provisiond::ctl {
namespace {

namespace v1 = provisioning::v1;

struct Options {
  std::string device_id, hub, primary_key, secondary_key, reason;
  bool disabled = false;
  bool show_keys = false;
};

v1::DeviceName NameOf(const Options& options) {
  v1::DeviceName request;
  request.set_device_id(options.device_id);
  if (!options.hub.empty()) request.set_hub(options.hub);
  if (!options.reason.empty()) request.set_reason(options.reason);
  return request;
}

void Print(Session& session, const v1::Device& device) {
  if (session.json) return PrintJson(device);
  PrintFields({{"device id", device.device_id()},
               {"hub", device.hub()},
               {"state", device.state()},
               {"reason", device.status_reason()},
               {"generation", device.generation_id()},
               {"etag", device.etag()},
               {"created", device.created()},
               {"primary key", device.keys().primary_key()},
               {"secondary key", device.keys().secondary_key()},
               {"connection string", device.connection_string()}});
}

absl::Status Create(Session& session, const Options& options) {
  v1::NewDevice request;
  request.set_device_id(options.device_id);
  if (!options.hub.empty()) request.set_hub(options.hub);
  if (!options.primary_key.empty()) request.set_primary_key(options.primary_key);
  if (!options.secondary_key.empty()) request.set_secondary_key(options.secondary_key);
  if (options.disabled) request.set_disabled(true);
  ASSIGN_OR_RETURN(const v1::Device device, session.Call<v1::Device>("CreateDevice", request));
  Print(session, device);
  return absl::OkStatus();
}

absl::Status Show(Session& session, const Options& options) {
  ASSIGN_OR_RETURN(v1::Device device, session.Call<v1::Device>("GetDevice", NameOf(options)));
  if (options.show_keys) {
    ASSIGN_OR_RETURN(*device.mutable_keys(), session.Call<v1::Keys>("ShowDeviceKeys", NameOf(options)));
  }
  Print(session, device);
  return absl::OkStatus();
}

// Enable and disable.
absl::Status Change(Session& session, const char* method, const Options& options) {
  ASSIGN_OR_RETURN(const v1::Device device, session.Call<v1::Device>(method, NameOf(options)));
  Print(session, device);
  return absl::OkStatus();
}

absl::Status List(Session& session, const Options& options) {
  v1::ListDevicesRequest request;
  if (!options.hub.empty()) request.set_hub(options.hub);
  v1::Devices all;
  for (;;) {
    ASSIGN_OR_RETURN(v1::Devices page, session.Call<v1::Devices>("ListDevices", request));
    all.mutable_devices()->MergeFrom(page.devices());
    if (!page.has_next()) break;
    request.set_after(page.next());
  }
  if (session.json) {
    PrintJson(all);
    return absl::OkStatus();
  }
  Lines lines = {{"DEVICE", "HUB", "STATE", "CREATED"}};
  for (const v1::Device& device : all.devices()) {
    lines.push_back({device.device_id(), device.hub(), device.state(), device.created()});
  }
  PrintTable(lines);
  return absl::OkStatus();
}

absl::Status ListModules(Session& session, const Options& options) {
  ASSIGN_OR_RETURN(const v1::Modules reply, session.Call<v1::Modules>("ListModules", NameOf(options)));
  if (session.json) {
    PrintJson(reply);
    return absl::OkStatus();
  }
  Lines lines = {{"MODULE", "AUTH", "MANAGED BY", "GENERATION"}};
  for (const v1::Module& module : reply.modules()) {
    lines.push_back({module.module_id(), module.auth_type(), module.managed_by(), module.generation_id()});
  }
  PrintTable(lines);
  return absl::OkStatus();
}

absl::Status ListTelemetry(Session& session, const Options& options) {
  ASSIGN_OR_RETURN(const v1::Messages reply, session.Call<v1::Messages>("ListTelemetry", NameOf(options)));
  if (session.json) {
    PrintJson(reply);
    return absl::OkStatus();
  }
  Lines lines = {{"AT", "MODULE", "BODY"}};
  for (const v1::Message& message : reply.messages()) {
    lines.push_back({message.at(), message.module_id(), message.body()});
  }
  PrintTable(lines);
  return absl::OkStatus();
}

}  // namespace

void AddDeviceCommands(CLI::App& app, Session& session) {
  const auto options = std::make_shared<Options>();
  const auto device_command = [&](CLI::App* parent, const char* name, const char* about) {
    CLI::App* command = parent->add_subcommand(name, about);
    command->add_option("device_id", options->device_id, "Device id")->required();
    command->add_option("--hub", options->hub, "Name of the hub (default: the first one)");
    return command;
  };
  CLI::App* device = app.add_subcommand("device", "devices of the hub")->require_subcommand(1);

  CLI::App* create = device_command(device, "create", "Creates a device and prints its keys");
  create->add_option("--primary-key", options->primary_key, "Base64 of 16 to 64 bytes (default: generated)");
  create->add_option("--secondary-key", options->secondary_key,
                     "Base64 of 16 to 64 bytes (default: generated)");
  create->add_flag("--disabled", options->disabled, "Create it disabled");
  create->callback([=, &session] { session.status = Create(session, *options); });

  CLI::App* show = device_command(device, "show", "Shows a device");
  show->add_flag("--show-keys", options->show_keys, "Print its keys too");
  show->callback([=, &session] { session.status = Show(session, *options); });

  CLI::App* list = device->add_subcommand("list", "Lists the devices of a hub");
  list->add_option("--hub", options->hub, "Name of the hub (default: the first one)");
  list->callback([=, &session] { session.status = List(session, *options); });

  device_command(device, "delete", "Deletes a device with its modules")->callback([=, &session] {
    session.status = session.Call<v1::Done>("DeleteDevice", NameOf(*options)).status();
  });
  device_command(device, "enable", "Lets a disabled device in again")->callback([=, &session] {
    session.status = Change(session, "EnableDevice", *options);
  });
  CLI::App* disable = device_command(device, "disable", "Locks a device out, its enrolment too");
  disable->add_option("--reason", options->reason, "Why, at most 128 characters");
  disable->callback([=, &session] { session.status = Change(session, "DisableDevice", *options); });

  CLI::App* module = app.add_subcommand("module", "modules of a device")->require_subcommand(1);
  device_command(module, "list", "Lists the modules of a device")->callback([=, &session] {
    session.status = ListModules(session, *options);
  });
  CLI::App* telemetry = app.add_subcommand("telemetry", "what devices sent")->require_subcommand(1);
  device_command(telemetry, "list", "Lists the last messages of a device")->callback([=, &session] {
    session.status = ListTelemetry(session, *options);
  });
}

}  // namespace aziot::provisiond::ctl
