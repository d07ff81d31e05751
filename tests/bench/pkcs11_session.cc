#include "tests/bench/pkcs11_session.h"

#include <dlfcn.h>

#include <iterator>

namespace aziot::bench {

bool Pkcs11Session::Open(const std::string& module, const std::string& pin) {
  void* library = dlopen(module.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return false;
  const auto list = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  if (list == nullptr || list(&functions) != CKR_OK) return false;
  CK_C_INITIALIZE_ARGS arguments{.flags = CKF_OS_LOCKING_OK};
  const CK_RV initialized = functions->C_Initialize(&arguments);
  if (initialized != CKR_OK && initialized != CKR_CRYPTOKI_ALREADY_INITIALIZED) return false;
  CK_SLOT_ID slots[8];
  CK_ULONG count = std::size(slots);
  if (functions->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK || count == 0) return false;
  if (functions->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session) !=
      CKR_OK) {
    return false;
  }
  std::string text = pin;
  const CK_RV logged_in = functions->C_Login(session, CKU_USER, reinterpret_cast<CK_UTF8CHAR*>(text.data()),
                                             static_cast<CK_ULONG>(text.size()));
  return logged_in == CKR_OK || logged_in == CKR_USER_ALREADY_LOGGED_IN;
}

bool Pkcs11Session::MakeHmacKey() {
  CK_OBJECT_CLASS secret = CKO_SECRET_KEY;
  CK_KEY_TYPE generic = CKK_GENERIC_SECRET;
  CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
  CK_BYTE value[32] = {1};
  CK_ATTRIBUTE attributes[] = {{CKA_CLASS, &secret, sizeof secret},
                               {CKA_KEY_TYPE, &generic, sizeof generic},
                               {CKA_TOKEN, &no, sizeof no},
                               {CKA_SIGN, &yes, sizeof yes},
                               {CKA_VALUE, value, sizeof value}};
  return functions->C_CreateObject(session, attributes, std::size(attributes), &key) == CKR_OK;
}

bool Pkcs11Session::FindPrivateKey(const std::string& label) {
  CK_OBJECT_CLASS wanted = CKO_PRIVATE_KEY;
  std::string name = label;
  CK_ATTRIBUTE attributes[] = {{CKA_CLASS, &wanted, sizeof wanted},
                               {CKA_LABEL, name.data(), static_cast<CK_ULONG>(name.size())}};
  CK_ULONG found = 0;
  return functions->C_FindObjectsInit(session, attributes, std::size(attributes)) == CKR_OK &&
         functions->C_FindObjects(session, &key, 1, &found) == CKR_OK &&
         functions->C_FindObjectsFinal(session) == CKR_OK && found == 1;
}

bool Pkcs11Session::SignHmac() const {
  CK_MECHANISM mechanism{CKM_SHA256_HMAC, nullptr, 0};
  CK_BYTE message[32] = {2}, mac[32];
  CK_ULONG size = sizeof mac;
  return functions->C_SignInit(session, &mechanism, key) == CKR_OK &&
         functions->C_Sign(session, message, sizeof message, mac, &size) == CKR_OK;
}

bool Pkcs11Session::SignDigest() const {
  CK_MECHANISM mechanism{CKM_ECDSA, nullptr, 0};
  CK_BYTE digest[32] = {3}, signature[64];
  CK_ULONG size = sizeof signature;
  return functions->C_SignInit(session, &mechanism, key) == CKR_OK &&
         functions->C_Sign(session, digest, sizeof digest, signature, &size) == CKR_OK;
}

}  // namespace aziot::bench
