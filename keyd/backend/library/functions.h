// The functions of a key library, whichever version of the list it has.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "keyd/backend/library/aziot-keys.h"

namespace aziot::keyd::library {

struct Functions {
  AZIOT_KEYS_VERSION version = 0;
  AZIOT_KEYS_SET_PARAMETER set_parameter = nullptr;
  AZIOT_KEYS_CREATE_KEY_PAIR_IF_NOT_EXISTS create_key_pair_if_not_exists = nullptr;
  AZIOT_KEYS_MOVE_KEY_PAIR move_key_pair = nullptr;  // nullptr in 2.0
  AZIOT_KEYS_LOAD_KEY_PAIR load_key_pair = nullptr;
  AZIOT_KEYS_GET_KEY_PAIR_PARAMETER get_key_pair_parameter = nullptr;
  AZIOT_KEYS_DELETE_KEY_PAIR delete_key_pair = nullptr;  // nullptr in 2.0
  AZIOT_KEYS_CREATE_KEY_IF_NOT_EXISTS create_key_if_not_exists = nullptr;
  AZIOT_KEYS_LOAD_KEY load_key = nullptr;
  AZIOT_KEYS_IMPORT_KEY import_key = nullptr;
  AZIOT_KEYS_DELETE_KEY delete_key = nullptr;  // nullptr in 2.0
  AZIOT_KEYS_DERIVE_KEY derive_key = nullptr;
  AZIOT_KEYS_SIGN sign = nullptr;
  AZIOT_KEYS_VERIFY verify = nullptr;
  AZIOT_KEYS_ENCRYPT encrypt = nullptr;
  AZIOT_KEYS_DECRYPT decrypt = nullptr;
};

// Asks for 2.1 and then for 2.0. kFailedPrecondition, naming `path`, for a library that has neither, or whose
// list is not what it says.
absl::StatusOr<Functions> ReadFunctions(const std::string& path,
                                        decltype(&aziot_keys_get_function_list) get_function_list);

// Loads the library at `path`, or of that name where the system looks for libraries, for the rest of the
// process: it may have threads and exit handlers of its own. kFailedPrecondition when it is no key library.
absl::StatusOr<Functions> LoadFunctions(const std::string& path);

}  // namespace aziot::keyd::library
