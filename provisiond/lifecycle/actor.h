#pragma once

#include <string>

namespace aziot::provisiond {

// On whose behalf something is changed, for the audit log.
struct Actor {
  std::string who;  // "policy iothubowner @ 192.0.2.1", "device d1 @ …", "uid 0"
  std::string request_id;
};

}  // namespace aziot::provisiond
