// For the tests of this room: while it is set, every 61st request for memory is refused. Of the whole
// program that links it.
#pragma once

#include <atomic>

namespace aziot::server {

extern std::atomic<bool> memory_is_scarce;

}  // namespace aziot::server
