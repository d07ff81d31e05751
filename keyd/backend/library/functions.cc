#include "keyd/backend/library/functions.h"

#include <dlfcn.h>

#include "absl/strings/str_format.h"
#include "keyd/backend/library/return_code.h"

namespace aziot::keyd::library {
namespace {

constexpr char kExport[] = "aziot_keys_get_function_list";

std::string Dotted(AZIOT_KEYS_VERSION version) {
  return absl::StrFormat("%d.%d.%d.%d", version >> 24, version >> 16 & 0xff, version >> 8 & 0xff,
                         version & 0xff);
}

absl::Status NoKeyLibrary(const std::string& path, absl::string_view why) {
  return absl::FailedPreconditionError(
      absl::StrFormat("key_library %s cannot be used: %s; replace it, or remove the option to let keyd keep "
                      "keys itself",
                      path, why));
}

// Copies a pointer of the library's list; the first one that is missing is named.
class Reader {
 public:
  template <class Function>
  void Copy(const char* name, Function from, Function& to) {
    if (from == nullptr && missing_ == nullptr) missing_ = name;
    to = from;
  }
  const char* missing() const { return missing_; }

 private:
  const char* missing_ = nullptr;
};

// What both lists have.
template <class List>
void CopyCommon(const List& list, Reader& reader, Functions& functions) {
  functions.version = list.base.version;
  reader.Copy("set_parameter", list.set_parameter, functions.set_parameter);
  reader.Copy("create_key_pair_if_not_exists", list.create_key_pair_if_not_exists,
              functions.create_key_pair_if_not_exists);
  reader.Copy("load_key_pair", list.load_key_pair, functions.load_key_pair);
  reader.Copy("get_key_pair_parameter", list.get_key_pair_parameter, functions.get_key_pair_parameter);
  reader.Copy("create_key_if_not_exists", list.create_key_if_not_exists, functions.create_key_if_not_exists);
  reader.Copy("load_key", list.load_key, functions.load_key);
  reader.Copy("import_key", list.import_key, functions.import_key);
  reader.Copy("derive_key", list.derive_key, functions.derive_key);
  reader.Copy("sign", list.sign, functions.sign);
  reader.Copy("verify", list.verify, functions.verify);
  reader.Copy("encrypt", list.encrypt, functions.encrypt);
  reader.Copy("decrypt", list.decrypt, functions.decrypt);
}

void Copy(const AZIOT_KEYS_FUNCTION_LIST_2_1_0_0& list, Reader& reader, Functions& functions) {
  CopyCommon(list, reader, functions);
  reader.Copy("move_key_pair", list.move_key_pair, functions.move_key_pair);
  reader.Copy("delete_key_pair", list.delete_key_pair, functions.delete_key_pair);
  reader.Copy("delete_key", list.delete_key, functions.delete_key);
}

}  // namespace

absl::StatusOr<Functions> ReadFunctions(const std::string& path,
                                        decltype(&aziot_keys_get_function_list) get_function_list) {
  std::string why;
  for (const AZIOT_KEYS_VERSION version : {AZIOT_KEYS_VERSION_2_1_0_0, AZIOT_KEYS_VERSION_2_0_0_0}) {
    const AZIOT_KEYS_FUNCTION_LIST* list = nullptr;
    const std::string asked = absl::StrFormat("%s(%s)", kExport, Dotted(version));
    if (!why.empty()) why += "; ";
    if (const AZIOT_KEYS_RC code = get_function_list(version, &list); code != AZIOT_KEYS_RC_OK) {
      why += absl::StrFormat("%s returned %s", asked, DescribeCode(code));
      continue;
    }
    if (list == nullptr) {
      why += absl::StrFormat("%s gave no list", asked);
      continue;
    }
    if (list->version != version) {
      why += absl::StrFormat("%s gave a list of version %s", asked, Dotted(list->version));
      continue;
    }
    Functions functions;
    Reader reader;
    if (version == AZIOT_KEYS_VERSION_2_1_0_0) {
      Copy(*reinterpret_cast<const AZIOT_KEYS_FUNCTION_LIST_2_1_0_0*>(list), reader, functions);
    } else {
      CopyCommon(*reinterpret_cast<const AZIOT_KEYS_FUNCTION_LIST_2_0_0_0*>(list), reader, functions);
    }
    if (reader.missing() == nullptr) return functions;
    return NoKeyLibrary(
        path, absl::StrFormat("its list of version %s has no %s", Dotted(version), reader.missing()));
  }
  return NoKeyLibrary(path, why);
}

absl::StatusOr<Functions> LoadFunctions(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) return NoKeyLibrary(path, dlerror());
  void* symbol = dlsym(library, kExport);
  if (symbol == nullptr) return NoKeyLibrary(path, absl::StrFormat("it does not export %s", kExport));
  return ReadFunctions(path, reinterpret_cast<decltype(&aziot_keys_get_function_list)>(symbol));
}

}  // namespace aziot::keyd::library
