#include "aziotctl/checks/context.h"

#include "common/config/document.h"
#include "common/files/files.h"

namespace aziot::ctl {

std::string CheckContext::IdentityHome() const {
  return identityd.has_value() ? identityd->homedir() : Rooted("/var/lib/aziot/identityd");
}

std::string CheckContext::AssignedHub() const {
  if (!identityd.has_value()) return "";
  const config::v1::Provisioning& now = identityd->provisioning();
  if (now.source() == "manual") return now.iothub_hostname();
  if (now.source() != "dps") return "";
  const auto text = files::Read(absl::StrCat(IdentityHome(), "/device_info"));
  if (text.ok()) {
    absl::StatusOr<config::Value> document = config::ParseDocument("device_info", *text);
    const config::Value* hub = document.ok() ? document->Find("hub_name") : nullptr;
    if (hub != nullptr && hub->kind == config::Value::Kind::kString) return hub->text;
  }
  return previous.has_value() ? previous->provisioning().iothub_hostname() : "";
}

std::string CheckContext::Parent() const {
  return identityd.has_value() ? identityd->provisioning().local_gateway_hostname() : "";
}

}  // namespace aziot::ctl
