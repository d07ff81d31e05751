// A device that registers over TLS: blocking, one request at a time, written and read by hand.
#pragma once

#include <string>

#include "tests/bench/load.h"

namespace aziot::bench {

struct Service {
  int port = 0;
  std::string id_scope;
  std::string group_key;  // raw bytes of the group's primary key
};

// Registers one device.
bool RegisterDevice(const Service& service, const std::string& id);
// Registers a device that has never been seen with each call, over one connection.
Worker RegisterNewDevices(const Service& service);

// "insert": one row of a registration's size, one durable commit each, over one connection to a store of its
// own in `directory`.
Worker InsertRows(const std::string& directory);

}  // namespace aziot::bench
