#include "keyd/backend/pkcs11/module.h"

#include <dlfcn.h>

#include <mutex>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "keyd/backend/pkcs11/ckr.h"

namespace aziot::keyd::pkcs11 {
namespace {

// PKCS #11 v2.40, 3.7: with these an application says that its threads need not be the system's.
CK_RV CreateMutex(CK_VOID_PTR_PTR mutex) {
  *mutex = new std::mutex;
  return CKR_OK;
}
CK_RV DestroyMutex(CK_VOID_PTR mutex) {
  delete static_cast<std::mutex*>(mutex);
  return CKR_OK;
}
CK_RV LockMutex(CK_VOID_PTR mutex) {
  static_cast<std::mutex*>(mutex)->lock();
  return CKR_OK;
}
CK_RV UnlockMutex(CK_VOID_PTR mutex) {
  static_cast<std::mutex*>(mutex)->unlock();
  return CKR_OK;
}

CK_C_INITIALIZE_ARGS Arguments(CK_FLAGS flags) {
  CK_C_INITIALIZE_ARGS arguments = {};
  arguments.CreateMutex = CreateMutex;
  arguments.DestroyMutex = DestroyMutex;
  arguments.LockMutex = LockMutex;
  arguments.UnlockMutex = UnlockMutex;
  arguments.flags = flags;
  return arguments;
}

absl::Status NoModule(const std::string& path, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("PKCS#11 module ", path, ": ", why,
                                                    "; set pkcs11_lib_path to the token's PKCS#11 library"));
}

bool IsComplete(const CK_FUNCTION_LIST& f) {
  return f.C_Initialize && f.C_Finalize && f.C_GetSlotList && f.C_GetTokenInfo && f.C_GetMechanismInfo &&
         f.C_OpenSession && f.C_CloseSession && f.C_GetSessionInfo && f.C_Login && f.C_CreateObject &&
         f.C_DestroyObject && f.C_GetAttributeValue && f.C_SetAttributeValue && f.C_FindObjectsInit &&
         f.C_FindObjects && f.C_FindObjectsFinal && f.C_EncryptInit && f.C_Encrypt && f.C_DecryptInit &&
         f.C_Decrypt && f.C_SignInit && f.C_Sign && f.C_GenerateKey && f.C_GenerateKeyPair;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Module>> Module::Load(const std::string& path) {
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = dlerror();
    return NoModule(path, why == nullptr ? "cannot be loaded" : why);
  }
  const auto get_list = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  if (get_list == nullptr) return NoModule(path, "is a library, but no module: it has no C_GetFunctionList");
  CK_FUNCTION_LIST* functions = nullptr;
  if (const CK_RV code = get_list(&functions); code != CKR_OK || functions == nullptr) {
    return NoModule(path, absl::StrCat("C_GetFunctionList: ", NameOfCkr(code)));
  }
  const auto [major, minor] = functions->version;
  if (!(major == 3 || (major == 2 && minor >= 20))) {
    return NoModule(path, absl::StrCat("speaks Cryptoki ", major, ".", minor, ", expected 2.20 to 3.x"));
  }
  if (!IsComplete(*functions)) return NoModule(path, "leaves functions out of its list");
  return std::unique_ptr<Module>(new Module(functions));
}

Module::~Module() {
  if (initialized_) Finalize();
}

absl::Status Module::Initialize() {
  CK_RV code = CKR_OK;
  // What is asked for first is what every release asked for; a module that cannot do it gets less.
  for (const CK_FLAGS flags :
       {CK_FLAGS{CKF_LIBRARY_CANT_CREATE_OS_THREADS | CKF_OS_LOCKING_OK}, CK_FLAGS{CKF_OS_LOCKING_OK}}) {
    CK_C_INITIALIZE_ARGS arguments = Arguments(flags);
    code = functions_->C_Initialize(&arguments);
    if (code != CKR_NEED_TO_CREATE_THREADS && code != CKR_ARGUMENTS_BAD) break;
  }
  if (code == CKR_CRYPTOKI_ALREADY_INITIALIZED) return absl::OkStatus();
  RETURN_IF_ERROR(ToStatus(code, "C_Initialize"));
  initialized_ = true;
  return absl::OkStatus();
}

void Module::Finalize() {
  functions_->C_Finalize(nullptr);
  initialized_ = false;
}

}  // namespace aziot::keyd::pkcs11
